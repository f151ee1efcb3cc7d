"""Whether this node can keep what it has to keep.

A node without its database still answers, and would look well until somebody needs it; so it is looked at every few
seconds, and probes, the coordinator and the log are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from steelyard.errors import Failed
from steelyard.storage.database import Database

SECONDS: Final = 5.0
Tell = Callable[[bool], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Health:
    """What was wrong with the database when it was looked at last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._problem = ""

    def require(self) -> None:
        """Raises Failed, saying what is wrong, while something is."""
        if self._problem:
            raise Failed(self._problem)

    async def keep_looking(self, tell: Tell) -> None:
        """For ever; `tell` hears of every change whether this node can serve."""
        while True:
            await self.look(tell)
            await asyncio.sleep(SECONDS)

    async def look(self, tell: Tell) -> None:
        before, self._problem = self._problem, await asyncio.to_thread(self._found)
        if self._problem == before:
            return
        if self._problem:
            _log.error("database_unusable", problem=self._problem)
        else:
            _log.info("database_usable")
        await tell(not self._problem)

    def _found(self) -> str:
        try:
            self._database.check()
        except Failed as error:
            return error.message
        return ""
