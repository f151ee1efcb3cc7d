"""Check: whether all shares of a stored sharing belong together, without opening anything."""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.digest import digest
from steelyard.epochs.committee import require
from steelyard.functions.question import Leak
from steelyard.functions.refresh import about
from steelyard.functions.shelves import Shelves
from steelyard.functions.upkeep import Known, Upkeep, Whole, holding, my_share
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.audit import audit
from steelyard.protocols.greet import Greeting
from steelyard.rounds import Protocol


class Check(Upkeep[Whole]):
    """Fails as cheating when they do not; who holds a wrong share is named where that is proven."""

    @property
    def changes(self) -> bool:
        return False

    @property
    def figure_names(self) -> tuple[str, ...]:
        return ("epoch", "holders", "values")

    def step(self, attempt: Attempt, greeting: Greeting, known: Known, shelves: Shelves) -> Protocol[tuple[int, ...]]:
        holding(attempt, known)
        change, holders = known.certificate.change, len(attempt.participants)
        require("audit", change.new, holders, 0)
        share = my_share(known, shelves)
        context = digest("commit", change.encode()).hex()
        found = yield from audit(attempt, greeting, context, change.new.threshold, share)
        if not found.sound:
            raise found.error(attempt.participants)
        return change.made.epoch, holders, share.size

    def released(self) -> str:
        return f"whether all shares of @{self.wanted.stored} lie on polynomials of one degree; no value"

    def leaks(self) -> Sequence[Leak]:
        return (about(self.wanted.stored),)
