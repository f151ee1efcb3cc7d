"""Carries contributions to the nodes: to each its own shares, oldest first, until it has said what becomes of them.

What waits is on disk, so a restart loses nothing; what a node has taken is deleted here.  A node that is away is tried
again; a share that a node refuses is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from coordinator.config import Timing
from coordinator.contributions import Contributions
from coordinator.nodes import NodeClient
from coordinator.registry import Disk
from steelyard.documents.contribution import Bundle
from steelyard.errors import Cheated, Failed, Invalid, SteelyardError

MANY: Final = 500  # contributions in one call
SIZE: Final = 1 << 26  # about as many bytes of ciphertext in one call
BYTES_PER_SECOND: Final = 1 << 20  # of the slowest network that is worth waiting for

_log = structlog.get_logger(__name__)
Outcome = tuple[str, SteelyardError | None]


class Courier:
    """`run` until cancelled; `wake` when something has arrived."""

    def __init__(
        self, nodes: Mapping[str, NodeClient], contributions: Contributions, disk: Disk, timing: Timing
    ) -> None:
        self._nodes = nodes
        self._contributions = contributions
        self._disk = disk
        self._timing = timing
        self._arrived = {party: asyncio.Event() for party in nodes}

    def wake(self) -> None:
        for event in self._arrived.values():
            event.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for party in self._nodes:
                group.create_task(self._serve(party))

    async def _serve(self, party: str) -> None:
        while True:
            self._arrived[party].clear()
            try:
                settled = await self._round(party, MANY)
            except SteelyardError as error:
                _log.debug("not delivered", party=party, reason=error.reason, problem=error.message)
                await asyncio.sleep(self._timing.deliver)
                continue
            if settled is None:
                await self._arrived[party].wait()
            elif not settled:
                await asyncio.sleep(self._timing.deliver)

    async def _round(self, party: str, count: int) -> int | None:
        """How many contributions this node has decided on; None when none waits for it."""
        waiting = await self._disk.do(self._contributions.waiting, party, count, SIZE)
        if not waiting:
            return None
        try:
            outcomes = await self._delivered(party, [bundle for _, bundle in waiting])
        except (Cheated, Invalid) as error:  # one of them is what this node cannot read: which?
            if len(waiting) > 1:
                return await self._round(party, 1)
            outcomes = [(waiting[0][0], error)]
        sent = {identifier for identifier, _ in waiting}
        final = [each for each in outcomes if each[0] in sent and not isinstance(each[1], Failed)]
        for identifier, failure in final:
            if failure is not None:
                _log.info("contribution refused", party=party, contribution=identifier, reason=failure.reason)
        await self._disk.do(self._contributions.settle, party, final)
        return len(final)

    async def _delivered(self, party: str, bundles: Sequence[Bundle]) -> list[Outcome]:
        size = sum(bundle.size for bundle in bundles)
        return await self._nodes[party].deliver(bundles, self._timing.fetch + size / BYTES_PER_SECOND)
