"""`Coordinator`: the real plan over statuses that come late or never; it forgets everything whenever it is killed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulation.world import Crash

from steelyard.documents.signed import Signed
from steelyard.epochs.change import Change
from steelyard.epochs.committee import quorum
from steelyard.epochs.settlement import Outlook, Status, Step, outlook, votes_of

if TYPE_CHECKING:
    from simulation.node import Node
    from simulation.schedule import Schedule

NAME = "coordinator"
TICK = 600  # ms between two looks


class Coordinator:
    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.world = schedule.world
        self.up = True
        self.statuses: dict[str, Status] = {}
        self.settled_at = -1
        self.last: Outlook | None = None
        self.world.after(1, self.tick)

    def tick(self) -> None:
        self.world.after(TICK, self.tick)
        if not self.up:
            return
        try:
            self._look()
            self._collect()
        except Crash:
            self.up = False
            self.statuses, self.last = {}, None
            self.world.after(self.world.dice.below(3000), self._rise)

    def _rise(self) -> None:
        self.up = True

    def _collect(self) -> None:
        self._crash_point("collect.before")
        self.statuses = {}
        for node in self.schedule.nodes.values():
            self.world.send(NAME, node.party, lambda node=node: node.do(lambda: self._reply(node)))

    def _reply(self, node: Node) -> None:
        status = node.status()
        self.world.send(node.party, NAME, lambda: self.statuses.__setitem__(node.party, status))

    def _look(self) -> None:
        if not self.statuses:
            return
        self._crash_point("collect.done")
        seen = outlook(self.statuses.values(), self.schedule.keys, self.schedule.points, self.world.now)
        self.last = seen
        self._crash_point("deliver.before")
        for step in seen.steps:
            self._bring(step, votes_of(step.party, self.statuses.values()))
            self._crash_point("deliver.between")
        self._crash_point("deliver.done")
        if seen.settled and seen.current is not None and self.schedule.wants_change():
            self._propose(seen.current.change)

    def _bring(self, step: Step, votes: Sequence[Signed]) -> None:
        node = self.schedule.nodes[step.party]
        self.world.send(NAME, step.party, lambda: node.do(lambda: node.follow(step, votes)))

    def _propose(self, current: Change) -> None:
        idle = [p for p, s in self.statuses.items() if s.record.undecided is None and s.sound]
        new = self.schedule.next_committee(current.new)
        old, liars = current.new, self.schedule.options.liars
        able = sorted(party for party in idle if party in old.points)
        refresh = new == old
        need = quorum(old.size, old.threshold, liars)
        if len(able) < need or not (refresh or set(new.points) <= {*self.statuses}):
            return
        extra = self.world.dice.some(able[need:]) if refresh else able[need:]
        voters = {*able[:need], *extra, *(() if refresh else new.points)}
        change = Change(
            sharing=current.sharing,
            description=current.description,
            manifest=current.manifest,
            attempt=self.world.dice.token(),
            kind="refresh" if refresh else "reshare",
            base=current.made,
            old=old,
            new=new,
            voters=tuple(sorted(voters)),
            liars=liars,
            expires_ms=self.world.now + 2500,
        )
        self.schedule.proposed(change)
        self._start(change)

    def _start(self, change: Change) -> None:
        for party in change.voters:
            self._tell(party, change)

    def _tell(self, party: str, change: Change) -> None:
        node = self.schedule.nodes[party]
        self.world.send(NAME, party, lambda: node.do(lambda: node.propose(change)))

    def _crash_point(self, name: str) -> None:
        self.schedule.passed.add(name)
        if self.world.weather.crash and self.world.dice.chance(self.world.weather.crash):
            raise Crash(name)
