"""Adversaries: nodes that take part as if they were honest, and lie where it may hurt."""

from __future__ import annotations

from simulation import arithmetic
from simulation.node import Node, Run

from steelyard.documents.signed import Document, Signed, from_wire, sign, to_wire
from steelyard.epochs.change import Change
from steelyard.epochs.record import Record, Undecided
from steelyard.epochs.settlement import Ask, Status
from steelyard.epochs.votes import Aborted, Prepared, Unlocked
from steelyard.rounds import Round


class TwoFaced(Node):
    """Votes both ways, differently to everybody, and shows the coordinator now one vote, now another."""

    honest = False

    def say(self, run: Run, step: Round) -> None:
        for party, message in sorted(step.send.items()):
            if step.step == "change vote":
                self._vote(run, party, bytes(message))
            else:
                self.tell(party, run.attempt, run.number, self._dealt(step, bytes(message)))

    def _vote(self, run: Run, party: str, prepared: bytes) -> None:
        both = (prepared, to_wire(self._signed(Aborted, run.change)))
        choice = self.world.dice.below(4)
        if choice < 3:
            self.tell(party, run.attempt, run.number, both[choice % 2])

    def _dealt(self, step: Round, message: bytes) -> bytes:
        """Now and then another dealing to somebody, under another name; and a wrong share to who lost its own."""
        if step.step == "deliver" and self.world.dice.chance(500):
            return bytes([message[0] ^ 1, *message[1:]])
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
        if self.world.dice.chance(200):
            self.scheme(change)
        faces = [
            record,
            _with(record, Undecided(change)),
            _with(record, Undecided(change, undecided.prepared, self._signed(Unlocked, change))),
            Record(record.sharing, record.standing, record.active, refusals=(self._signed(Aborted, change),)),
        ]
        return Status(self.party, self.world.dice.pick(faces), status.sound)

    def answer(self, step: Ask) -> None:
        """Signs whatever it is asked for, and shows each peer such votes as might part it from the rest."""
        self.machine.unlock(step.change, self.world.now, step.refused)
        self.scheme(step.change)

    def scheme(self, change: Change) -> None:
        dice = self.world.dice
        about = change.attempt.encode()
        mine = [self._signed(kind, change) for kind in (Aborted, Unlocked)]
        votes = [*mine, *dict.fromkeys(vote for vote in self.schedule.said if about in vote.payload)]
        prepared = [vote for vote in votes if vote.kind == Prepared.KIND]
        against = [vote for vote in votes if vote.kind != Prepared.KIND]
        for party in dice.some(sorted(self.schedule.nodes)):
            peer, told = self.schedule.nodes[party], dice.pick([prepared, against, dice.some(votes)])
            self.world.send(self.party, party, lambda peer=peer, told=told: peer.do(lambda: peer.weigh(change, told)))

    def piece(self, change: Change) -> bytes:
        piece = super().piece(change)
        return piece if self.world.dice.chance(500) else arithmetic.to_bytes(arithmetic.from_bytes(piece) ^ 1)

    def _signed(self, kind: type[Aborted] | type[Unlocked], change: Change) -> Signed:
        vote: Document = kind(sharing=change.sharing, attempt=change.attempt, change=change.digest)
        return sign(vote, self.party, self.schedule.signing(self.party))


class Patient(TwoFaced):
    """Shows nobody its vote until all honest voters have unlocked; then some see a Commit, and the others an Abort."""

    def _vote(self, run: Run, party: str, prepared: bytes) -> None:
        self.schedule.note([from_wire(prepared)])

    def status(self) -> Status:
        status = Node.status(self)
        undecided = status.record.undecided
        if undecided is None:
            return status
        self.scheme(undecided.change)
        if self.world.is_calm:  # a liar who is silent for ever can hold a change up, which is what operators are for
            return super().status()
        return Status(self.party, _with(status.record, Undecided(undecided.change)), status.sound)

    def scheme(self, change: Change) -> None:
        about = change.attempt.encode()
        votes = list(dict.fromkeys(vote for vote in self.schedule.said if about in vote.payload))
        unlocked = {vote.signer for vote in votes if vote.kind == Unlocked.KIND}
        honest = [party for party in change.voters if self.schedule.nodes[party].honest]
        if not set(honest) <= unlocked:
            return
        prepared = [vote for vote in votes if vote.kind == Prepared.KIND]
        against = [vote for vote in votes if vote.kind == Unlocked.KIND and vote.signer in honest]
        against += [self._signed(Unlocked, change)]
        misled = self.world.dice.some(honest)
        for party in honest:
            self._show(party, change, prepared if party in misled else against)

    def _show(self, party: str, change: Change, votes: list[Signed]) -> None:
        peer = self.schedule.nodes[party]
        self.world.send(self.party, party, lambda: peer.do(lambda: peer.weigh(change, votes)))


def _with(record: Record, undecided: Undecided) -> Record:
    return Record(record.sharing, record.standing, record.active, undecided=undecided)
