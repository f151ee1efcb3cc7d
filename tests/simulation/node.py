"""`Node`: the real vote machine on a lossy disk, pumping the generators of a change over the simulated network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from simulation import arithmetic
from simulation.disk import Content, Disk
from simulation.pens import signing
from simulation.world import Crash

from steelyard.documents.signed import Signed
from steelyard.epochs.certificate import Abort, Certificate, Commit, decide
from steelyard.epochs.change import Base, Change, Slot, share_digest
from steelyard.epochs.machine import Machine
from steelyard.epochs.settlement import Ask, Recover, Show, Status, Step
from steelyard.errors import SteelyardError
from steelyard.ids import PartyId
from steelyard.rounds import Protocol, Round

if TYPE_CHECKING:
    from simulation.schedule import Schedule

PATIENCE = 1500  # ms that a round waits
MOMENT = 120  # ms that a round waits for what it could do without


@dataclass
class Run:
    """A protocol under way, and what has come for it; a change, or a recovery of what `change` made."""

    change: Change
    protocol: Protocol[Any]
    attempt: str
    recovers: str = ""  # who is to have its share again
    number: int = -1
    waiting: Round | None = None
    inbox: dict[tuple[int, str], bytes] = field(default_factory=dict)


class Ballot:
    def __init__(self, node: Node, change: Change) -> None:
        self._node, self._change, self._life = node, change, node.lives

    def stage(self, share: bytes, digest: str) -> None:
        self._node.disk.stage(self._change.slot, share, digest)

    def prepare(self, transcript: str, checks: str, share: str) -> Signed:
        return self._node.machine.prepare(self._change, transcript, checks, share)

    def abort(self) -> None:
        """What is left of a program that was killed does nothing."""
        if self._life == self._node.lives and not self._node.schedule.over:
            with suppress(SteelyardError):
                self._node.machine.abort(self._change)


class Node:
    honest = True

    def __init__(self, party: str, schedule: Schedule) -> None:
        self.party = party
        self.schedule = schedule
        self.world = schedule.world
        self.up = True
        self.skew = 0  # ms that its clock is fast
        self.lives = 0
        self.disk = Disk(self._crash_point)
        self.machine = Machine(party, signing(party), schedule.keys, schedule.points, self.disk, self._crash_point)
        self.runs: dict[str, Run] = {}
        self.early: dict[str, list[tuple[int, str, bytes]]] = {}
        self.pieces: dict[Base, dict[str, bytes]] = {}

    @property
    def clock(self) -> int:
        return max(0, self.world.now + self.skew)

    # ---- life and death ---------------------------------------------------------------------------------------------

    def do(self, action: Callable[[], None]) -> None:
        """One thing that the program does, unless it is dead; a refusal changes nothing."""
        if not self.up:
            return
        try:
            action()
        except SteelyardError:
            pass
        except Crash:
            self.die()

    def die(self) -> None:
        self.up = False
        self.lives += 1
        self.runs, self.early, self.pieces = {}, {}, {}
        self.disk.fail(self.world.dice)
        self.world.after(50 + self.world.dice.below(1500), self.rise)

    def rise(self) -> None:
        if not self.up:
            self.up = True
            self.do(lambda: self.machine.sweep(self.schedule.sharing))

    def lose_disk(self, content: Content) -> None:
        """Dies, and starts again with another disk."""
        self.die()
        self.disk.become(content)

    def _crash_point(self, name: str) -> None:
        self.schedule.passed.add(name)
        if self.world.weather.crash and self.world.dice.chance(self.world.weather.crash):
            raise Crash(name)
        if name == "erase.done":
            self.schedule.after_erasure()

    # ---- a change ---------------------------------------------------------------------------------------------------

    def propose(self, change: Change) -> None:
        self.machine.start(change, self.clock)
        share = self._share(change)
        protocol = self.schedule.protocol(self.party, change, share, Ballot(self, change))
        self.begin(Run(change, protocol, change.attempt))

    def begin(self, run: Run) -> None:
        self.runs[run.attempt] = run
        for number, sender, message in self.early.pop(run.attempt, []):
            run.inbox[number, sender] = message
        self._advance(run, None)

    def hear(self, attempt: str, number: int, sender: str, message: bytes) -> None:
        run = self.runs.get(attempt)
        if run is None:
            self.early.setdefault(attempt, []).append((number, sender, message))
            return
        run.inbox[number, sender] = message
        self._proceed(run)

    def _share(self, change: Change) -> bytes | None:
        slot = Slot(change.sharing, change.base.epoch, change.base.attempt)
        return self.disk.share(slot) if self.disk.digest(slot) else None

    def _proceed(self, run: Run) -> None:
        if run.waiting is not None and all((run.number, party) in run.inbox for party in run.waiting.hear):
            self._advance(run, self._inbox(run))

    def _inbox(self, run: Run) -> dict[PartyId, bytes]:
        hear = run.waiting.hear if run.waiting else ()
        return {party: run.inbox[run.number, party] for party in sorted(hear) if (run.number, party) in run.inbox}

    def _advance(self, run: Run, inbox: Mapping[PartyId, bytes] | None) -> None:
        try:
            step = next(run.protocol) if inbox is None else run.protocol.send(inbox)
        except StopIteration as end:
            self.runs.pop(run.attempt, None)
            if not run.recovers:
                self.weigh(run.change, end.value)
            return
        except SteelyardError:
            self.runs.pop(run.attempt, None)
            return
        assert isinstance(step, Round)
        run.number, run.waiting = run.number + 1, step
        self.say(run, step)
        life, number = self.lives, run.number
        patient = step.enough is None
        self.world.after(PATIENCE if patient else MOMENT, lambda: self.do(lambda: self._late(run, number, life)))
        self._proceed(run)

    def say(self, run: Run, step: Round) -> None:
        for party, message in sorted(step.send.items()):
            self.tell(party, run.attempt, run.number, bytes(message))

    def tell(self, party: str, attempt: str, number: int, message: bytes) -> None:
        peer = self.schedule.nodes[party]
        self.world.send(self.party, party, lambda: peer.do(lambda: peer.hear(attempt, number, self.party, message)))

    def _late(self, run: Run, number: int, life: int) -> None:
        if self.runs.get(run.attempt) is not run or (run.number, self.lives) != (number, life):
            return
        inbox = self._inbox(run)
        if run.waiting is not None and len(inbox) >= run.waiting.needed:
            self._advance(run, inbox)
            return
        self.runs.pop(run.attempt)
        run.protocol.close()  # gives up
        if not run.recovers:
            Ballot(self, run.change).abort()

    def weigh(self, change: Change, votes: Iterable[Signed]) -> None:
        """Votes that came here: with all of them this node needs no coordinator."""
        self.schedule.note(votes)
        found = decide(change, votes, self.schedule.keys)
        if found is not None:
            self.show(found)

    # ---- what the coordinator asks ----------------------------------------------------------------------------------

    def status(self) -> Status:
        record = self.machine.record(self.schedule.sharing)
        slot = Slot(record.sharing, record.base.epoch, record.base.attempt)
        return Status(self.party, record, bool(self.disk.digest(slot)))

    def follow(self, step: Step, votes: Iterable[Signed] = ()) -> None:
        """`votes`: what others have of mine."""
        if not isinstance(step, Recover):
            self.machine.notice(votes)
        if isinstance(step, Show):
            self.show(step.certificate)
        elif isinstance(step, Ask):
            self.answer(step)
        else:
            self.recover(step)

    def show(self, certificate: Certificate) -> None:
        if isinstance(certificate, Commit):
            certificate.verify(self.schedule.keys, self.schedule.points)
            self.schedule.committed(certificate)
            self.machine.commit(certificate)
        elif isinstance(certificate, Abort):
            self.machine.abandon(certificate)

    def answer(self, step: Ask) -> None:
        change = step.change
        if change.attempt in self.runs and step.what == "abort":
            self.runs.pop(change.attempt).protocol.close()
        if step.what == "abort":
            vote = self.machine.abort(change)
        else:
            vote = self.machine.unlock(change, self.clock, step.refused)
        self.schedule.note([vote])

    # ---- recovery ---------------------------------------------------------------------------------------------------

    def recover(self, step: Recover) -> None:
        self.schedule.recover(self, step)

    def gather(self, step: Recover) -> None:
        """A stand-in for the protocol: helpers send their shares as they are."""
        self.machine.expect(step.certificate)
        self.pieces = {}
        change = step.certificate.change
        for party in change.new.holders:
            if party != self.party:
                helper = self.schedule.nodes[party]
                self.world.send(self.party, party, lambda helper=helper: helper.do(lambda: helper.help(self, step)))

    def help(self, lost: Node, step: Recover) -> None:
        record = self.machine.record(self.schedule.sharing)
        change = step.certificate.change
        if record.standing == "active" and record.base == change.made and self.disk.digest(change.slot):
            piece = self.piece(change)
            self.world.send(self.party, lost.party, lambda: lost.do(lambda: lost.receive(step, self.party, piece)))

    def piece(self, change: Change) -> bytes:
        return self.disk.share(change.slot)

    def receive(self, step: Recover, sender: str, piece: bytes) -> None:
        change, known = step.certificate.change, step.certificate.digests.get(self.party)
        pieces = self.pieces.setdefault(change.made, {})
        pieces[sender] = piece
        if self.machine.record(self.schedule.sharing).standing == "active":
            return
        for group in combinations(sorted(pieces), change.new.threshold):
            basis = {change.new.points[each]: arithmetic.from_bytes(pieces[each]) for each in group}
            share = arithmetic.to_bytes(arithmetic.at(basis, change.new.points[self.party]))
            found = share_digest(change.slot, self.party, share)
            agree = sum(
                arithmetic.at(basis, change.new.points[each]) == arithmetic.from_bytes(other)
                for each, other in pieces.items()
            )
            if self.schedule.accepts(known, found, agree, change):
                self.disk.stage(change.slot, share, found)
                self.machine.recover(step.certificate, found)
                return
