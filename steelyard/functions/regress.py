"""Regress: ordinary least squares of one column on others, with an intercept, over all rows of all parties.

Model       malicious for dealings, openings and the input set, at most k-1 nodes; inputs are what their owners say.
Rounds      0 after the inputs are fixed, and those of steelyard.functions.suppression.   Sends nothing more.
Reveals     to the requester: the number of rows, of all columns the sums, sums of squares, and sums of products.
Follows     normal equations, solved by sweeping (Goodnight 1979) in exact fractions.
Differs     sums of products travel in limbs that say nothing but the sum (steelyard.functions.limbs).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, Final

import msgspec

from steelyard import fixedpoint
from steelyard.errors import Malformed
from steelyard.functions.moments import Matrix, Moments, distinct, learned
from steelyard.functions.selection import Selection

MAX_REGRESSORS: Final = 16
INTERCEPT: Final = "intercept"


class Explained(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: `column` is explained by the columns `on`, of the same dataset."""

    on: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MAX_REGRESSORS)]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *self.on)

    def check(self) -> None:
        super().check()
        distinct(self.columns)


class Regress(Moments[Explained]):
    """Coefficients in the columns' own units; None for a column that the ones before it determine."""

    @property
    def rows_needed(self) -> int:
        return len(self.wanted.on) + 2

    def released(self) -> str:
        return f"{learned(self.wanted)}; from that the regression"

    def _described(self, moments: Matrix | None, decimals: Sequence[int]) -> dict[str, Any]:
        if moments is None:
            return {"coefficients": None, "r2": None, "count": None}
        count, table = moments[0][0], _in_units(moments, decimals)
        kept, total = _fit(table)
        freedom = count - len(kept)
        variance = table[-1][-1] / freedom
        names = (INTERCEPT, *self.wanted.on)
        return {
            "coefficients": [_coefficient(name, i in kept, table, i, variance) for i, name in enumerate(names)],
            "r2": fixedpoint.significant(1 - table[-1][-1] / total) if total else None,
            "residual_standard_error": fixedpoint.root(variance),
            "degrees_of_freedom": freedom,
            "count": count,
        }


def _in_units(moments: Matrix, decimals: Sequence[int]) -> list[list[Fraction]]:
    """The ones first, then the regressors, the explained column last."""
    order, units = [0, *range(2, len(moments)), 1], [10**places for places in (0, *decimals)]
    return [[Fraction(moments[i][j], units[i] * units[j]) for j in order] for i in order]


def _fit(table: list[list[Fraction]]) -> tuple[list[int], Fraction]:
    """Sweeps the table for every regressor, in place; which could be, and the sum of squares around the mean.

    The last row and column, those of the explained column, then hold the coefficients and the sum of squares that is
    left; the others the inverse of the regressors' sums of products.
    """
    kept, total = [], Fraction(0)
    for pivot in range(len(table) - 1):
        if table[pivot][pivot] < 0 or table[-1][-1] < 0:
            raise Malformed("sums of products that no rows have")
        if table[pivot][pivot]:  # else it is a combination of those before it
            _sweep(table, pivot)
            kept.append(pivot)
        if not pivot:
            total = table[-1][-1]
    if table[-1][-1] < 0:
        raise Malformed("sums of products that no rows have")
    return kept, total


def _sweep(table: list[list[Fraction]], pivot: int) -> None:
    inverse = 1 / table[pivot][pivot]
    across = [each * inverse for each in table[pivot]]
    for i, row in enumerate(table):
        if i != pivot:
            factor = row[pivot]
            table[i] = [each - factor * other for each, other in zip(row, across, strict=True)]
            table[i][pivot] = -factor * inverse
    table[pivot] = across
    table[pivot][pivot] = inverse


def _coefficient(
    name: str, kept: bool, table: list[list[Fraction]], index: int, variance: Fraction
) -> dict[str, str | None]:
    if not kept:
        return {"name": name, "coefficient": None, "standard_error": None, "t": None}
    value, square = table[index][-1], table[index][index] * variance
    t = fixedpoint.root(value * value / square) if square else None
    return {
        "name": name,
        "coefficient": fixedpoint.significant(value),
        "standard_error": fixedpoint.root(square),
        "t": f"-{t}" if t and value < 0 else t,
    }
