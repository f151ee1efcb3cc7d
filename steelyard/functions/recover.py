"""Recover: gives one holder its lost share of a stored sharing back; nobody else learns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steelyard.digest import digest
from steelyard.epochs.committee import liars_for, require
from steelyard.errors import Invalid
from steelyard.functions.question import Leak
from steelyard.functions.record import size_of
from steelyard.functions.refresh import about
from steelyard.functions.shelves import Shelves
from steelyard.functions.upkeep import Known, Lost, Upkeep, my_share
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.protocols.recover import Loss, recover
from steelyard.rounds import Protocol


class Recover(Upkeep[Lost]):
    """The others help; a refresh should follow, for a lost disk may be a stolen one."""

    @property
    def restores(self) -> bool:
        return True

    @property
    def changes(self) -> bool:
        return False

    @property
    def figure_names(self) -> tuple[str, ...]:
        return ("epoch", "helpers", "values")

    def step(self, attempt: Attempt, greeting: Greeting, known: Known, shelves: Shelves) -> Protocol[tuple[int, ...]]:
        attempt, stands_by = self._among_helpers(attempt, greeting, known)
        loss, helpers = self._loss(attempt, known), len(attempt.participants) - 1
        if stands_by:
            return known.certificate.change.made.epoch, helpers, loss.size
        mine = attempt.me == loss.party
        if mine:
            shelves.expect(known.certificate, known.stored)
        share = None if mine else my_share(known, shelves)
        rebuilt = yield from recover(attempt, greeting, loss, share)
        if rebuilt is not None:
            shelves.restore(known.certificate, rebuilt.share, rebuilt.digest)
        return known.certificate.change.made.epoch, helpers, loss.size

    def released(self) -> str:
        return f"that {self.wanted.party} holds its share of @{self.wanted.stored} again"

    def leaks(self) -> Sequence[Leak]:
        share = Leak(f"its own share of @{self.wanted.stored}", self.wanted.party)
        return (share, about(self.wanted.stored))

    def _loss(self, attempt: Attempt, known: Known) -> Loss:
        change, party = known.certificate.change, PartyId(self.wanted.party)
        if party not in attempt.participants:
            raise Invalid(f"{party} does not take part, or is to hold no share: start its node first")
        committee = change.new
        helpers = len(attempt.participants) - 1
        liars = liars_for(helpers, committee.threshold, committee.threshold - 1)
        require("recover", committee, helpers, liars)
        known_digest = known.certificate.digests.get(party, "")
        if not known_digest and not liars:
            told = f"{party} did not vote for this epoch, so nothing but another helper can vouch for its share"
            need = f"{committee.threshold + 1} others must hold theirs of this epoch"
            raise Invalid(f"{told}: {need}; start another node, or recover one first that did vote and lost its share")
        return Loss(
            party=party,
            point=committee.points[party],
            threshold=committee.threshold,
            slot=change.slot,
            certificate=digest("commit", change.encode()).hex(),
            size=size_of(known.stored),
            digest=known_digest,
            liars=liars,
        )

    def _among_helpers(self, attempt: Attempt, greeting: Greeting, known: Known) -> tuple[Attempt, bool]:
        """The attempt as those run it who can help and the one who is helped, and whether I am none of them.

        Who holds nothing, or is stale as well, stands by: it is not what ends another's recovery.
        """
        holders = known.certificate.change.new.points
        able = [party for party in attempt.participants if greeting.hellos[party].stored == known.epoch]
        points = {
            party: point
            for party, point in attempt.points.items()
            if party in holders and (party in able or party == self.wanted.party)
        }
        taking = tuple(party for party in attempt.participants if party in points)
        return replace(attempt, participants=taking, points=points), attempt.me not in points
