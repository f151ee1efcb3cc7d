"""Top: the parties, or the groups, with the largest totals of a column, in order; their totals only where asked for.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; inputs are what their owners say.
Rounds      10 for up to 100 totals at 2-of-3, 16 at 3-of-5, and those of steelyard.functions.suppression.
            Sends 3 comparisons per pair of totals (fewer pairs for more totals), after a shuffle.
Reveals     to the requester: who they are, in order; with values, also their totals.  To the nodes, by the sort: how
            shuffled totals compare, which is a random order whatever they are.
Follows     steelyard.protocols.sort.
Differs     equal totals stay in the manifest's order of parties, or the request's of groups: nobody learns of a tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from steelyard import field, fixedpoint
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector
from steelyard.functions import suppression
from steelyard.functions.question import Held, Leak, Opening, Released
from steelyard.functions.selection import Cells
from steelyard.functions.totals import OfTotals
from steelyard.protocols.compare import longest_message
from steelyard.protocols.sort import top
from steelyard.rounds import Protocol

MAX_RANKED: Final = 256
_PER_ROW: Final = 64  # comparisons, where there are too many rows to compare all pairs


class Ranking(Cells, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: the `count` largest, and their totals if `values`.  Without groups it is parties that are ranked."""

    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_RANKED)] = 3
    values: bool = False

    @property
    def kind(self) -> str:
        """What is ranked."""
        return "group" if self.group_by else "party"

    @property
    def narrowed(self) -> str:
        """Never empty: that a party has enough rows for itself is not enough for a figure about it alone."""
        return " by ".join(part for part in (self.where, self.group_by or "party") if part)

    def check(self) -> None:
        super().check()
        if len(self.groups) > MAX_RANKED:
            raise Invalid(f"at most {MAX_RANKED} groups are ranked at once")


class Top(OfTotals[Ranking]):
    """Places, and totals if asked for, of the largest."""

    @property
    def allowed_as(self) -> str:
        """Totals of groups are part of a grouped sum; a total of one party needs a word of its own."""
        if not self.wanted.values:
            return self.function
        return "sum" if self.wanted.group_by else f"{self.function}_values"

    @property
    def multiplies(self) -> bool:
        return True

    @property
    def parts(self) -> bool:
        return not self.wanted.group_by

    @property
    def searches(self) -> bool:
        """An order alone is a handful of comparisons."""
        return not self.wanted.values

    @property
    def layers(self) -> int:
        """What the requester learns of each place."""
        return 1 + self.wanted.values

    def release(self, held: Held) -> Protocol[Released]:
        totals, rows, parties = self._by_group(held) if self.wanted.group_by else self._by_party(held)
        circle = yield from held.circle()
        # 1. What has too few rows, or rows of too few parties, is not ranked.
        left_out = yield from suppression.suppressed(held, rows, parties, circle)
        ranked = np.delete(np.arange(totals.size, dtype=np.uint64), left_out)
        count = min(self.wanted.count, ranked.size)
        if not count:
            return Released(np.zeros(0, dtype=np.uint64), left_out)
        # 2. The largest, and which they are.
        largest, places = yield from top(circle, totals[ranked], count, ranked)
        return Released(np.concatenate([places, largest][: self.layers]), left_out)

    def figures(self, opened: Opening) -> dict[str, Any]:
        wanted = self.wanted
        names = wanted.groups or tuple(each.party for each in opened.contributions)
        hidden = set(opened.suppressed)
        count = min(wanted.count, len(names) - len(hidden))
        if opened.values.size != self.layers * count or not hidden <= set(range(len(names))):
            raise Malformed("a ranking of the wrong size")
        places, *totals = opened.values.reshape(self.layers, count).tolist()
        if len({*places, *hidden}) < len(places) + len(hidden) or not set(places) <= set(range(len(names))):
            raise Malformed("a ranking of what there is not, or twice of the same")
        ranking: list[dict[str, Any]] = [
            {"rank": rank, wanted.kind: names[place]} for rank, place in enumerate(places, start=1)
        ]
        for each, total in zip(ranking, totals[0] if totals else (), strict=False):
            each["total"] = fixedpoint.format(total, opened.decimals[0])
        left_out = {"left_out": [names[index] for index in sorted(hidden)]} if hidden else {}
        return {"top": ranking, **left_out, **({} if ranking else {"suppressed": True})}

    def released(self) -> str:
        wanted = self.wanted
        ranked = f"groups of {wanted.group_by}" if wanted.group_by else "parties"
        where = f" where {wanted.where}" if wanted.where else ""
        also = "with these sums" if wanted.values else "not the sums"
        return (
            f"which {wanted.count} {ranked} have the largest sums of {wanted.dataset}.{wanted.column}{where},"
            f" in order; {also}"
        )

    def leaks(self) -> Sequence[Leak]:
        return suppression.leaks(self.wanted, self.wanted.kind)

    def longest(self, participants: int, contributors: int = 0) -> int:
        ranked = self.wanted.cells if self.wanted.group_by else max(participants, contributors)
        return longest_message(3 * ranked * min(ranked, _PER_ROW) // 2, participants)

    def _by_group(self, held: Held) -> list[Vector]:
        return list(held.sum().reshape(3, self.wanted.cells))

    def _by_party(self, held: Held) -> list[Vector]:
        """Every party has rows of its own; that enough parties have any is the same condition for all."""
        dealt = [held.shares[party] for party in held.greeting.contributors]
        totals, rows, _ = np.stack(dealt, axis=1)
        with_rows = field.total([each[2:] for each in dealt])
        return [totals, rows, np.repeat(with_rows, totals.size)]
