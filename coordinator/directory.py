"""The nodes of the manifest: whether each answers, and which datasets it describes.

Every node is asked every few seconds, so a dead one is known before a computation runs into it.  What a node described
last is kept over restarts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from coordinator.clock import now_ms
from coordinator.config import Timing
from coordinator.nodes import NodeClient
from coordinator.registry import Disk
from coordinator.store import Store
from steelyard.errors import Failed, SteelyardError, TimedOut, Unauthenticated, Unreachable
from steelyard.v1 import node_pb2

MISSES: Final = 3  # unanswered questions in a row that make a node lost
REMEMBER_MS: Final = 60_000  # how far the time a node was last seen may lag behind on disk

_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Entry:
    """What is known about one party's node."""

    party: str
    description: node_pb2.DescribeResponse = field(default_factory=node_pb2.DescribeResponse)
    seen_ms: int = 0
    stored_ms: int = 0
    misses: int = 0
    problem: str = "not asked yet"
    alarms: set[asyncio.Event] = field(default_factory=set)

    @property
    def reachable(self) -> bool:
        return not self.problem


class Directory:
    """Looks at every node on its own schedule; never blocks a computation."""

    def __init__(
        self, nodes: Mapping[str, NodeClient], manifest: str, store: Store, disk: Disk, timing: Timing
    ) -> None:
        self._nodes = nodes
        self._manifest = manifest
        self._store = store
        self._disk = disk
        self._timing = timing
        self.entries: Final = {party: Entry(party) for party in nodes}
        for party, (seen_ms, description) in store.described().items():
            if party in self.entries:
                self.entries[party].description, self.entries[party].seen_ms = description, seen_ms

    async def watch(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            for party in self._nodes:
                group.create_task(self._watch(party))

    async def lost(self, party: str) -> None:
        """Returns when the node stops to answer from now on: whoever asks this has just heard from it."""
        entry, alarm = self.entries[party], asyncio.Event()
        entry.misses = 0
        entry.alarms.add(alarm)
        try:
            await alarm.wait()
        finally:
            entry.alarms.discard(alarm)

    async def _watch(self, party: str) -> None:
        while True:
            await self.look(party)
            await asyncio.sleep(self._timing.describe)

    async def look_at_all(self) -> None:
        """Every node, now."""
        async with asyncio.TaskGroup() as group:
            for party in self._nodes:
                group.create_task(self.look(party))

    async def look(self, party: str) -> None:
        """Asks one node now and writes down what it says."""
        entry = self.entries[party]
        try:
            description = await self._nodes[party].describe(self._timing.call)
        except SteelyardError as error:
            self._missed(entry, error)
            return
        await self._answered(entry, description)

    def _missed(self, entry: Entry, error: SteelyardError) -> None:
        if entry.reachable:
            _log.warning("node does not answer", party=entry.party, reason=error.reason, problem=error.message)
        entry.problem = error.message
        if not isinstance(error, Unreachable | TimedOut | Unauthenticated):
            return  # it answers, and says what is wrong with it
        entry.misses += 1
        if entry.misses >= MISSES:
            for alarm in entry.alarms:
                alarm.set()

    async def _answered(self, entry: Entry, description: node_pb2.DescribeResponse) -> None:
        back = not entry.reachable
        changed = description != entry.description
        entry.description, entry.seen_ms, entry.misses = description, now_ms(), 0
        entry.problem = ""
        if description.party != entry.party:
            entry.problem = "the node says that it is another party's"
        elif description.manifest != self._manifest:
            entry.problem = "the node uses another version of the manifest"
        if back and entry.reachable:
            _log.info("node answers", party=entry.party, version=description.version[:40])
        if changed or entry.seen_ms - entry.stored_ms > REMEMBER_MS:
            await self._keep(entry)

    async def _keep(self, entry: Entry) -> None:
        """A full disk keeps nobody from being looked at: the next look tries to store it again."""
        seen_ms, entry.stored_ms = entry.seen_ms, 0
        try:
            await self._disk.do(self._store.describe, entry.party, seen_ms, entry.description)
            entry.stored_ms = seen_ms
        except Failed as error:
            _log.error("description not stored", party=entry.party, problem=error.message)
