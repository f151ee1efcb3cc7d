"""Refresh: renews all shares of a stored sharing; the values stay."""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.epochs.change import LIFE_MS, Change, Kind
from steelyard.epochs.committee import Committee, reckoned
from steelyard.functions.question import Leak
from steelyard.functions.record import size_of
from steelyard.functions.shelves import Shelves
from steelyard.functions.upkeep import Known, Upkeep, Whole, holding, my_share
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.protocols.refresh import refresh
from steelyard.rounds import Protocol


class Refresh(Upkeep[Whole]):
    """All who take part get a new share; who does not is stale, and is recovered later."""

    @property
    def figure_names(self) -> tuple[str, ...]:
        return ("epoch", "holders", "values")

    def made(self, known: Known) -> tuple[int, ...]:
        change = known.certificate.change
        return change.made.epoch, len(change.voters), size_of(known.stored)

    def step(self, attempt: Attempt, greeting: Greeting, known: Known, shelves: Shelves) -> Protocol[tuple[int, ...]]:
        holding(attempt, known)
        committee = known.certificate.change.new
        change = changed(attempt, greeting, known, "refresh", committee, shelves)
        share = my_share(known, shelves)
        ballot = shelves.begin(change, known.stored)
        ballot.conclude((yield from refresh(attempt, greeting, change, share, ballot)))
        return change.made.epoch, len(change.voters), share.size

    def released(self) -> str:
        return f"that the shares of @{self.wanted.stored} were renewed, how many they are, and of how many holders"

    def leaks(self) -> Sequence[Leak]:
        return (about(self.wanted.stored),)


def about(name: str) -> Leak:
    """What becomes known by any change."""
    return Leak(f"who holds shares of @{name}, of which epoch, and who took part", "every node, the coordinator")


def changed(attempt: Attempt, greeting: Greeting, known: Known, kind: Kind, new: Committee, shelves: Shelves) -> Change:
    """The change from the epoch that is known, with all participants as voters; it does not wait for one for long.

    It reckons with as many liars as both committees can: none where there is no share too many.
    """
    before = known.certificate.change
    return Change(
        sharing=before.sharing,
        description=before.description,
        manifest=attempt.manifest,
        attempt=attempt.attempt,
        computation=attempt.computation,
        kind=kind,
        base=before.made,
        old=before.new,
        new=new,
        voters=tuple(sorted(attempt.participants)),
        liars=min(_liars(attempt, before.new), _liars(attempt, new)),
        expires_ms=min(shelves.expires_ms, greeting.latest_ms + LIFE_MS),
    )


def _liars(attempt: Attempt, committee: Committee) -> int:
    voters = [party for party in attempt.participants if party in committee.points]
    return reckoned(len(voters), committee.size, committee.threshold)
