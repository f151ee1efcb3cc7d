"""Reshare: moves a stored sharing to other holders, or to another threshold; the values stay."""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.epochs.committee import Committee
from steelyard.errors import Invalid
from steelyard.functions.question import Leak
from steelyard.functions.record import size_of
from steelyard.functions.refresh import about, changed
from steelyard.functions.shelves import Shelves
from steelyard.functions.upkeep import Holders, Known, Upkeep, my_share
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.protocols.reshare import reshare
from steelyard.rounds import Protocol


class Reshare(Upkeep[Holders]):
    """Old and new holders take part; who leaves erases its share when all have voted."""

    @property
    def restores(self) -> bool:
        return True

    @property
    def shares(self) -> int:
        return self.wanted.shares

    @property
    def figure_names(self) -> tuple[str, ...]:
        return ("epoch", "holders", "threshold", "values")

    def made(self, known: Known) -> tuple[int, ...]:
        change = known.certificate.change
        return change.made.epoch, change.new.size, change.new.threshold, size_of(known.stored)

    def step(self, attempt: Attempt, greeting: Greeting, known: Known, shelves: Shelves) -> Protocol[tuple[int, ...]]:
        new, size = self._committee(attempt, shelves), size_of(known.stored)
        change = changed(attempt, greeting, known, "reshare", new, shelves)
        mine = attempt.me in known.certificate.change.new.points
        share = my_share(known, shelves) if mine else None
        ballot = shelves.begin(change, known.stored)
        ballot.conclude((yield from reshare(attempt, greeting, change, share, size, ballot)))
        return change.made.epoch, new.size, new.threshold, size

    def released(self) -> str:
        wanted = self.wanted
        return f"that @{wanted.stored} is held by {', '.join(wanted.holders)}, {wanted.shares} of whom reconstruct it"

    def leaks(self) -> Sequence[Leak]:
        wanted = self.wanted
        together = f"any {wanted.shares} of {', '.join(wanted.holders)}"
        return (Leak(f"@{wanted.stored}, if they put their shares together", together), about(wanted.stored))

    def _committee(self, attempt: Attempt, shelves: Shelves) -> Committee:
        wanted = self.wanted
        if len(wanted.holders) < attempt.quorum:
            raise Invalid(f"{attempt.quorum} nodes sign every computation: fewer holders could be asked nothing")
        strangers = [party for party in wanted.holders if party not in shelves.points]
        if strangers:
            raise Invalid(f"{strangers[0]} has no node in the manifest")
        return Committee(wanted.shares, {party: shelves.points[party] for party in sorted(wanted.holders)})
