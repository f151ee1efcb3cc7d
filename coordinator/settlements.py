"""Settling changes of stored sharings: brings nodes each other's votes and certificates until all stand at one epoch.

The coordinator decides nothing and remembers nothing: nodes believe signatures, and steelyard.epochs.settlement says
what to bring to whom.  Killed at any instant, it asks again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from coordinator.clock import now_ms
from coordinator.directory import Directory
from coordinator.nodes import NodeClient
from coordinator.registry import Registry
from steelyard.epochs.change import CHANGING
from steelyard.epochs.crash_points import Hook, pass_by
from steelyard.epochs.settlement import Ask, Recover, Show, Status, outlook, votes_of
from steelyard.errors import SteelyardError
from steelyard.identity.membership import Membership
from steelyard.rpc.defects import reported

SECONDS: Final = 0.5
PASSES: Final = 8  # each may make the next one possible

_log = structlog.get_logger(__name__)


class Settlements:
    """One per coordinator, on its event loop."""

    def __init__(
        self,
        nodes: Mapping[str, NodeClient],
        membership: Membership,
        directory: Directory,
        registry: Registry,
        seconds: float,
        crash_point: Hook = pass_by,
    ) -> None:
        self._nodes = nodes
        self._membership = membership
        self._points = membership.points_by_name
        self._directory = directory
        self._registry = registry
        self._seconds = seconds
        self._crash_point = crash_point

    async def watch(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            if self._is_wanted():
                await self.attend()

    async def attend(self) -> None:
        """As `settle`, and never raises: whatever it is, nobody else would settle anything any more."""
        try:
            await self.settle()
        except Exception as error:
            reported(error, task="settlements")

    async def settle(self) -> None:
        """Until there is nothing more to bring to those who answer."""
        for _ in range(PASSES):
            self._crash_point("collect.before")
            statuses = await self._statuses()
            self._crash_point("collect.done")
            brought = [await self._bring(each) for each in statuses.values()]
            if not any(brought):
                return

    def _is_wanted(self) -> bool:
        """A change is under way, or not all nodes say that they stand at the same."""
        if any(each.request.function in CHANGING for each in self._registry.live.values()):
            return True
        standings: dict[str, set[tuple[int, str]]] = defaultdict(set)
        for entry in self._directory.entries.values():
            for each in entry.description.sharings if entry.reachable else ():
                standings[each.id].add((each.epoch, "undecided" if each.undecided else each.standing))
        return any(len(each - {(0, "empty")}) > 1 or "undecided" in dict(each).values() for each in standings.values())

    async def _statuses(self) -> dict[str, list[Status]]:
        """By sharing, of the nodes that answer."""
        found: dict[str, list[Status]] = defaultdict(list)

        async def ask(node: NodeClient) -> None:
            try:
                for status in await node.standings(self._seconds):
                    found[status.record.sharing].append(status)
            except SteelyardError as error:
                _log.debug("no standings", party=node.party, reason=error.reason)

        async with asyncio.TaskGroup() as group:
            for node in self._nodes.values():
                group.create_task(ask(node))
        return found

    async def _bring(self, statuses: Iterable[Status]) -> bool:
        """Whether anything was brought to anybody."""
        known = list(statuses)
        found = await asyncio.to_thread(outlook, known, self._membership.signing_keys, self._points, now_ms())
        steps = [each for each in found.steps if not isinstance(each, Recover)]
        if not steps:
            return False
        self._crash_point("deliver.before")
        taken = [await self._deliver(each, known) for each in steps]
        self._crash_point("deliver.done")
        return any(taken)

    async def _deliver(self, step: Show | Ask, statuses: Iterable[Status]) -> bool:
        taken = await self._take(step, statuses)
        self._crash_point("deliver.between")
        return taken

    async def _take(self, step: Show | Ask, statuses: Iterable[Status]) -> bool:
        try:
            votes = votes_of(step.party, statuses)
            await self._nodes[step.party].settle(step, votes, self._seconds)
        except SteelyardError as error:
            _log.info("not settled", party=step.party, reason=error.reason, problem=error.message)
            return False
        return True
