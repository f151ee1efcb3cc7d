"""Statistics: number, mean, standard deviation, extremes, median and quantiles of a column, over all parties' rows.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; inputs are what their owners say.
Rounds      16 after steelyard.functions.suppression (k = 2, at most 4 parties; 8 more each time their number
            doubles); for median and quantiles those of steelyard.protocols.quantile besides.   Sends for these what a
            sort of all rows sends, else a comparison per party.
Reveals     to the requester: number of rows, sum and sum of squares, and of the order what was asked for.  To all nodes
            a random order (steelyard.protocols.sort), and how many rows a party deals.
Follows     tournaments, sorting, textbook moments.
Differs     padding is as large as a key can be, so that it sorts behind every row: no flag says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from steelyard import field, fixedpoint
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector
from steelyard.functions import second_moment, suppression
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Record, Released, Table, Values
from steelyard.functions.selection import Selection
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.circle import Circle
from steelyard.protocols.greet import Greeting
from steelyard.protocols.quantile import least_quantiles
from steelyard.protocols.select import largest
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol, batch

MAX_ROWS: Final = 1 << 20  # of all parties, padding included, that are sorted
LEAST_ROWS: Final = 16  # that a party deals
MAX_QUANTILES: Final = 16
PLACES: Final = 4  # decimals of mean and standard deviation beyond the column's
SUMS: Final = ("count", "parties", "sum", "square 0", "square 1", "square 2")
EXTREMES: Final = ("negated min", "max")
HALF: Final = Fraction(1, 2)
_QUANTILE: Final = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")
_MOMENTS: Final = ("count", "mean", "std")
_MOST: Final = fixedpoint.BOUND - 1
_BYTES_PER_ROW: Final = 64  # of the longest message

QuantileText = Annotated[str, msgspec.Meta(max_length=8)]


class Statistics(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `quantiles` are decimals from 0 to 1; without them and the `median` no row is dealt."""

    quantiles: Annotated[tuple[QuantileText, ...], msgspec.Meta(max_length=MAX_QUANTILES)] = ()
    median: bool = True

    @property
    def positions(self) -> tuple[Fraction, ...]:
        """What is looked up in the order of all rows: the median, then the quantiles."""
        return (*([HALF] if self.median else []), *map(Fraction, self.quantiles))

    def check(self) -> None:
        super().check()
        if not all(map(_QUANTILE.fullmatch, self.quantiles)):
            raise Invalid("a quantile is a number from 0 to 1 with at most 6 decimals, such as 0.25")
        if len(set(self.quantiles)) < len(self.quantiles):
            raise Invalid("a quantile is named twice")


class Stats(Question[Statistics]):
    """A contributor deals its own sums and extremes, then its rows, padded, if a position is asked for."""

    @property
    def multiplies(self) -> bool:
        return True

    @property
    def searches(self) -> bool:
        """With quantiles at will, one row after the other could be asked for."""
        return bool(self.wanted.quantiles)

    def rows(self, table: Table) -> int:
        if not self.wanted.positions:
            return 0
        count = int(table.counts([self.wanted.filter])[0])
        padded = max(LEAST_ROWS, 1 << max(count - 1, 0).bit_length())
        _check_rows(padded)
        return padded

    def values(self, rows: int) -> int:
        return len(SUMS) + len(EXTREMES) + (rows if self.wanted.positions else 0)

    def bring(self, table: Table, rows: int) -> Layers:
        sums, counts = table.totals(self.wanted.column, [self.wanted.filter])
        values = table.values(self.wanted.column, self.wanted.filter)
        # The extremes of no rows are larger and smaller than all others.
        extremes = [-values.min(), values.max()] if values.size else [-_MOST, -_MOST]
        return {
            "sums": np.concatenate([counts, counts > 0, sums, second_moment.limbs(values)]),
            "extremes": np.array(extremes, dtype=np.int64),
            "rows": values if self.wanted.positions else values[:0],
        }

    def recalled(self, record: Record, greeting: Greeting) -> Vector:
        first = (record.of_all("count"), record.of_all("parties"), record.of("sum"), record.of("squares"))
        summed = [*first, record.of("extremes")]
        if not self.wanted.positions:
            return np.concatenate(summed)
        if record.vector:
            raise Invalid("of vectors there is no median: share the column without --vector, or ask with --no-median")
        padding = field.subtract(np.ones_like(record.of_all("valid")), record.of_all("valid"))
        return np.concatenate([*summed, field.add(record.of("rows"), field.scale(_largest_key(greeting), padding))])

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        fixedpoint.check_aggregate(brought["sums"], len(attempt.participants))
        if not self.wanted.positions:
            return np.concatenate([brought["sums"], brought["extremes"]])
        _check_rows(*greeting.rows.values())
        rows, largest_key = brought["rows"], _largest_key(greeting)
        padding = greeting.rows[attempt.me] - rows.size
        if padding < 0 or np.abs(rows).max(initial=0) > largest_key:
            raise Invalid("this party's rows are more, or larger, than it declared: import them again")
        return np.concatenate([*brought.values(), np.full(padding, largest_key, dtype=np.int64)])

    def release(self, held: Held) -> Protocol[Released]:
        # 1. Add up what adds up.  Are there enough rows, of enough parties?
        sums = field.total([share[: len(SUMS)] for share in held.shares.values()])
        circle = yield from held.circle()
        if left_out := (yield from suppression.suppressed(held, sums[:1], sums[1:2], circle)):
            return Released(sums[:0], left_out)
        # 2. The largest of the parties' largest, and the sum of squares.
        extremes = np.stack([share[len(SUMS) : len(SUMS) + len(EXTREMES)] for share in held.shares.values()], axis=1)
        ends, squares = yield from batch(
            [
                largest(circle.branch("extremes"), np.ascontiguousarray(extremes)),
                second_moment.carried(circle.branch("squares"), sums[3:]),
            ]
        )
        # 3. What stands where, of all rows.
        found = (yield from self._found(circle, held, sums[:1])) if self.wanted.positions else sums[:0]
        return Released(np.concatenate([sums[:1], sums[2:3], squares, ends, found]))

    def figures(self, opened: Opening) -> dict[str, Any]:
        wanted, limbs = self.wanted, second_moment.LIMBS
        rows = opened.rows(2 + limbs + len(EXTREMES) + len(wanted.positions), 1)
        if opened.suppressed:
            return {**dict.fromkeys(_MOMENTS), **dict.fromkeys(self._ranks()), "suppressed": True}
        count, total, *rest = (int(each) for each in rows[:, 0])
        negated, *others = rest[limbs:]
        ranks = [fixedpoint.format(each, opened.decimals[0]) for each in (-negated, *others)]
        figures = _moments(count, total, second_moment.joined(rest[:limbs]), opened.decimals[0])
        figures |= dict(zip(self._ranks(), ranks, strict=False))
        if wanted.quantiles:
            figures["quantiles"] = dict(zip(wanted.quantiles, ranks[-len(wanted.quantiles) :], strict=True))
        return figures

    def released(self) -> str:
        wanted = self.wanted
        where = f" where {wanted.where}" if wanted.where else ""
        order = ["the least", "the greatest", *(["the median"] if wanted.median else [])]
        order += [f"the quantile {each}" for each in wanted.quantiles]
        return (
            f"of the rows of {wanted.dataset}.{wanted.column}{where}: number, sum, sum of squares (for mean and sample"
            f" standard deviation), and {', '.join(order)}, each the value of a single row"
        )

    def leaks(self) -> Sequence[Leak]:
        suppressed = suppression.leaks(self.wanted)
        if not self.wanted.positions:
            return suppressed
        dealt = "how many rows each party deals, padded to a power of two and at least 16"
        return (
            *suppressed,
            Leak(dealt, "every node, the coordinator, the requester"),
            Leak("how all rows compare after a secret shuffle: a random order, whatever they are", "every node"),
        )

    def longest(self, participants: int, contributors: int = 0) -> int:
        return _BYTES_PER_ROW * MAX_ROWS if self.wanted.positions else 0

    def _found(self, circle: Circle, held: Held, count: field.Vector) -> Protocol[field.Vector]:
        rows = [share[len(SUMS) + len(EXTREMES) :] for share in held.shares.values()]
        _check_rows(*(each.size for each in rows))
        bits = _largest_key(held.greeting).bit_length()
        return (yield from least_quantiles(circle, np.concatenate(rows), count, self.wanted.positions, bits))

    def _ranks(self) -> tuple[str, ...]:
        """Figures that are values of rows, but for the quantiles."""
        return ("min", "max", "median") if self.wanted.median else ("min", "max")


def _moments(count: int, total: int, square: int, decimals: int) -> dict[str, Any]:
    """Number, mean and sample standard deviation, from exact sums."""
    spread = count * square - total * total
    if count < 1 or spread < 0:
        raise Malformed("sums that no rows have")
    mean = fixedpoint.quotient(total, count, decimals, decimals + PLACES)
    if count == 1:
        return {"count": count, "mean": mean, "std": None}
    variance = Fraction(spread, count * (count - 1))
    return {"count": count, "mean": mean, "std": fixedpoint.format(_root(variance * 100**PLACES), decimals + PLACES)}


def _root(square: Fraction) -> int:
    """The square root to the nearest integer, halves to the even one."""
    halves = isqrt(int(4 * square))  # of the root, rounded down
    whole, half = divmod(halves, 2)
    return whole + (half and (halves * halves < 4 * square or whole % 2))


def _largest_key(greeting: Greeting) -> int:
    """No row is larger in size: what all contributors declare, else what a number may be."""
    return min(greeting.bound or _MOST, _MOST)


def _check_rows(*rows: int) -> None:
    if sum(rows) > MAX_ROWS:
        raise Invalid(
            f"at most {MAX_ROWS} rows of all parties together can be sorted, each party's padded to a power of two:"
            " select fewer rows, or ask without median and quantiles (--no-median)"
        )
