"""Schedules in which the nodes run the real generators of refresh and resharing, over one value."""

from __future__ import annotations

from protocols.vaults import met
from simulation.schedule import Schedule

from steelyard.documents.signed import Signed
from steelyard.epochs.change import Change
from steelyard.field import from_bytes
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting, Offer, introduce
from steelyard.protocols.refresh import refresh
from steelyard.protocols.reshare import reshare
from steelyard.protocols.vote import Ballot
from steelyard.rounds import Protocol


class RealSchedule(Schedule):
    def protocol(self, party: str, change: Change, share: bytes | None, ballot: Ballot) -> Protocol[tuple[Signed, ...]]:
        attempt = self._attempt(PartyId(party), change)
        vector = from_bytes(share, 1) if share is not None else None

        def then(greeting: Greeting) -> Protocol[tuple[Signed, ...]]:
            if change.kind == "reshare":
                return reshare(attempt, greeting, change, vector, 1, ballot)
            if vector is None:
                raise AssertionError("a voter of a refresh holds a share")
            return refresh(attempt, greeting, change, vector, ballot)

        return met(attempt, introduce(attempt, Offer(contributes=False)), then)

    def _attempt(self, me: PartyId, change: Change) -> Attempt:
        voters = tuple(PartyId(each) for each in change.voters)
        return Attempt(
            computation=ComputationId("ab" * 16),
            attempt=AttemptId(change.attempt),
            request="11" * 32,
            manifest=change.manifest,
            me=me,
            participants=voters,
            points={party: self.points[party] for party in voters},
            threshold=change.new.threshold,
            liars=change.liars,
            quorum=len(voters),
            minimum_group=2,
            signing=self.signing(me),
            keys=self.keys,
        )
