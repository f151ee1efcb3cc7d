"""Schedules in which the nodes run the real generators of refresh, resharing and recovery, over one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from protocols.vaults import POOL, met
from simulation.node import Node, Run
from simulation.schedule import Outcome, Schedule

from steelyard.documents.signed import Signed
from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Commit
from steelyard.epochs.change import Change, Slot
from steelyard.epochs.record import Record
from steelyard.epochs.settlement import Recover
from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.functions.catalogue import question
from steelyard.functions.shelves import epoch_digest
from steelyard.functions.upkeep import _known
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting, Offer, introduce
from steelyard.protocols.refresh import refresh
from steelyard.protocols.reshare import reshare
from steelyard.protocols.vote import Ballot
from steelyard.rounds import Protocol


class RealSchedule(Schedule):
    description = POOL.digest.hex()

    def run(self) -> Outcome:
        with patch("steelyard.functions.recover.size_of", lambda stored: 1):
            return super().run()

    def protocol(self, party: str, change: Change, share: bytes | None, ballot: Ballot) -> Protocol[tuple[Signed, ...]]:
        attempt = self._attempt(party, change, change.attempt, change.voters, change.liars)
        vector = from_bytes(share, 1) if share is not None else None

        def then(greeting: Greeting) -> Protocol[tuple[Signed, ...]]:
            if change.kind == "reshare":
                return reshare(attempt, greeting, change, vector, 1, ballot)
            if vector is None:
                raise AssertionError("a voter of a refresh holds a share")
            return refresh(attempt, greeting, change, vector, ballot)

        return met(attempt, introduce(attempt, Offer(contributes=False)), then)

    def recover(self, node: Node, step: Recover) -> None:
        """All who are up take part; not while an earlier try is under way."""
        if any(run.recovers == node.party for run in node.runs.values()):
            return
        up, name = [each for each in self.nodes.values() if each.up], self.dice.token()
        for each in up:
            self._invite(each, name, [party.party for party in up], node, step)

    def _invite(self, guest: Node, name: str, parties: Sequence[str], lost: Node, step: Recover) -> None:
        def join() -> None:
            guest.do(lambda: self._join(guest, name, parties, lost.party, step))

        if guest is lost:
            join()
        else:
            self.world.send(lost.party, guest.party, join)

    def _join(self, node: Node, name: str, parties: Sequence[str], lost: str, step: Recover) -> None:
        change = step.certificate.change
        attempt = self._attempt(node.party, change, name, parties, change.new.threshold - 1)
        record, asked = node.machine.record(self.sharing), question("recover", {"dataset": "@pool", "party": lost})
        epoch = epoch_digest(POOL, record.base) if record.standing == "active" else ""
        shelves = Shelves(node, self.points)

        def then(greeting: Greeting) -> Protocol[Any]:
            known = yield from _known(attempt, asked, shelves)
            return (yield from asked.step(attempt, greeting, known, shelves))

        mine = introduce(attempt, Offer(contributes=False, stored=epoch))
        node.begin(Run(change, met(attempt, mine, then), name, lost))

    def _attempt(self, party: str, change: Change, name: str, parties: Sequence[str], liars: int) -> Attempt:
        me, others = PartyId(party), tuple(PartyId(each) for each in parties)
        return Attempt(
            computation=ComputationId("ab" * 16),
            attempt=AttemptId(name),
            request="11" * 32,
            manifest=change.manifest,
            me=me,
            participants=others,
            points={each: self.points[each] for each in others},
            threshold=change.new.threshold,
            liars=liars,
            quorum=len(others),
            minimum_group=2,
            signing=self.signing(me),
            keys=self.keys,
        )


@dataclass
class Shelves:
    """What `node.shelves` gives a recovery, of one sharing."""

    node: Node
    points: Mapping[str, int]

    def find(self, name: str) -> tuple[Stored, Record] | None:
        record = self.record(self.node.schedule.sharing)
        return None if record.standing == "empty" else (POOL, record)

    def record(self, sharing: str) -> Record:
        return self.node.machine.record(sharing)

    def share(self, record: Record) -> Vector:
        return from_bytes(self.node.disk.share(Slot(record.sharing, record.base.epoch, record.base.attempt)), 1)

    def expect(self, certificate: Commit, stored: Stored) -> None:
        self.node.machine.expect(certificate)

    def restore(self, certificate: Commit, share: Vector, digest: str) -> None:
        self.node.disk.stage(certificate.change.slot, to_bytes(share), digest)
        self.node.machine.recover(certificate, digest)
