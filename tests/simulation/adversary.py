"""Adversaries: nodes that take part as if they were honest, and lie where it may hurt."""

from __future__ import annotations

from collections.abc import Iterable

from simulation import arithmetic
from simulation.node import Node, Run

from steelyard.documents.signed import Document, Signed, sign, to_wire
from steelyard.epochs.change import Change
from steelyard.epochs.record import Record, Undecided
from steelyard.epochs.settlement import Ask, Status
from steelyard.epochs.votes import Aborted, Unlocked
from steelyard.rounds import Round


class TwoFaced(Node):
    """Votes both ways, differently to everybody, and shows the coordinator now one vote, now another."""

    honest = False

    def say(self, run: Run, step: Round) -> None:
        for party, message in step.send.items():
            if step.step == "vote":
                self._vote(run, party, bytes(message))
            else:
                self.tell(party, run.change.attempt, run.number, self._dealt(step, bytes(message)))

    def _vote(self, run: Run, party: str, prepared: bytes) -> None:
        both = (prepared, to_wire(self._signed(Aborted, run.change)))
        choice = self.world.dice.below(4)
        if choice < 3:
            self.tell(party, run.change.attempt, run.number, both[choice % 2])

    def _dealt(self, step: Round, message: bytes) -> bytes:
        """Now and then another dealing to somebody, under another name."""
        if step.step != "deal" or not self.world.dice.chance(100):
            return message
        value = (arithmetic.from_bytes(message[32:]) + 1) % arithmetic.P
        return self.world.dice.token().encode() + arithmetic.to_bytes(value)

    def status(self) -> Status:
        status = super().status()
        record = status.record
        undecided = record.undecided
        if undecided is None:
            return status
        change = undecided.change
        faces = [
            record,
            _with(record, Undecided(change)),
            _with(record, Undecided(change, undecided.prepared, self._signed(Unlocked, change))),
            Record(record.sharing, record.standing, record.active, refusals=(self._signed(Aborted, change),)),
        ]
        return Status(self.party, self.world.dice.pick(faces), status.sound)

    def answer(self, step: Ask) -> None:
        """Signs whatever it is asked for, and tells everybody whom it likes of it."""
        votes = [self._signed(kind, step.change) for kind in (Aborted, Unlocked)]
        self.machine.unlock(step.change, self.world.now)
        for party in self.world.dice.some(sorted(self.schedule.nodes)):
            peer = self.schedule.nodes[party]
            told = self.world.dice.some(votes)
            self.world.send(
                self.party, party, lambda peer=peer, told=told: peer.do(lambda: self._spread(peer, step, told))
            )

    def _spread(self, peer: Node, step: Ask, told: Iterable[Signed]) -> None:
        record = peer.machine.record(step.change.sharing)
        mine = [vote for vote in (*record.refusals, *_own(record)) if vote]
        peer.weigh(step.change, [*told, *mine])

    def piece(self, change: Change) -> bytes:
        piece = super().piece(change)
        return piece if self.world.dice.chance(500) else arithmetic.to_bytes(arithmetic.from_bytes(piece) ^ 1)

    def _signed(self, kind: type[Aborted] | type[Unlocked], change: Change) -> Signed:
        vote: Document = kind(sharing=change.sharing, attempt=change.attempt, change=change.digest)
        return sign(vote, self.party, self.schedule.signing(self.party))


def _own(record: Record) -> tuple[Signed | None, ...]:
    return (record.undecided.prepared, record.undecided.unlocked) if record.undecided else ()


def _with(record: Record, undecided: Undecided) -> Record:
    return Record(record.sharing, record.standing, record.active, undecided=undecided)
