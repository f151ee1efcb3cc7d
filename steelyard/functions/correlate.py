"""Correlate: Pearson's correlation of two columns over all rows of all parties.

Model       malicious for dealings, openings and the input set, at most k-1 nodes; inputs are what their owners say.
Rounds      0 after the inputs are fixed, and those of steelyard.functions.suppression.   Sends nothing more.
Reveals     to the requester: the number of rows, both sums, both sums of squares, and the sum of products.
Follows     summation of Shamir shares; r = (n Sxy - Sx Sy) / sqrt((n Sxx - Sx^2) (n Syy - Sy^2)), in exact integers.
Differs     sums of products travel in limbs that say nothing but the sum (steelyard.functions.limbs).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from steelyard import fixedpoint
from steelyard.errors import Malformed
from steelyard.functions.moments import Matrix, Moments, distinct, learned
from steelyard.functions.selection import Selection


class Pair(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: `column` and the `other` one of the same dataset."""

    other: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, self.other)

    def check(self) -> None:
        super().check()
        distinct(self.columns)


class Correlate(Moments[Pair]):
    """The correlation is None where one of the columns has the same value in all rows."""

    @property
    def rows_needed(self) -> int:
        return 3  # two points are always on a line

    def released(self) -> str:
        return f"{learned(self.wanted)}; from that the correlation"

    def _described(self, moments: Matrix | None, decimals: Sequence[int]) -> dict[str, Any]:
        if moments is None:
            return {"correlation": None, "count": None}
        return {"correlation": _correlation(moments), "count": moments[0][0]}


def _correlation(moments: Matrix) -> str | None:
    """In any units."""
    (n, x, y), (_, xx, xy), (_, _, yy) = moments
    spread, covariance = (n * xx - x * x) * (n * yy - y * y), n * xy - x * y
    if n * xx < x * x or n * yy < y * y or covariance**2 > spread:
        raise Malformed("sums of products that no rows have")
    if not spread:
        return None
    size = fixedpoint.root(Fraction(covariance**2, spread))
    return f"-{size}" if covariance < 0 else size
