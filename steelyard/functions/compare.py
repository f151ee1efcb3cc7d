"""Compare: of two totals over all parties, which is greater?  Two selections of rows, two columns, or both.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; inputs are what their owners say.
Rounds      8 at k = 2, 12 at k = 3, and those of steelyard.functions.suppression.   Sends two comparisons.
Reveals     to the requester: greater, equal or less.  Neither total nor their difference is opened to anybody.
Follows     steelyard.protocols.compare.
Differs     nothing.
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
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Record, Released, Table, Values
from steelyard.functions.selection import Selection
from steelyard.ids import identifier
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.greet import Greeting
from steelyard.protocols.select import negatives
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol
from steelyard.tables.filter import Filter, parse

OUTCOMES: Final = {-1: "less", 0: "equal", 1: "greater"}
SIDES: Final = 2


class Sides(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  The second total is of `than_column` and over the rows of filter `than`; by default of the same."""

    than: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    than_column: str = ""

    @property
    def second_column(self) -> str:
        return self.than_column or self.column

    @property
    def second(self) -> Filter:
        return parse(self.than or self.where)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.column, self.second_column)))

    @property
    def filter_columns(self) -> frozenset[str]:
        return frozenset(self.filter.columns) | frozenset(self.second.columns)

    @property
    def narrowed(self) -> str:
        return f"{self.where or 'all rows'} than {self.than}" if self.than else self.where

    def check(self) -> None:
        super().check()
        identifier(self.second_column, "column")
        if (self.column, self.filter) == (self.second_column, self.second):
            raise Invalid("a total is compared with itself: say than which rows, or than which column")
        if self.than != parse(self.than).text:
            raise Invalid("the second filter is not in its normal form; let the client write it")


class Compare(Question[Sides]):
    """Contributors deal both their totals, row counts, and whether they have rows at all."""

    @property
    def multiplies(self) -> bool:
        return True

    @property
    def searches(self) -> bool:
        return True

    def values(self, rows: int) -> int:
        return 3 * SIDES

    def bring(self, table: Table, rows: int) -> Layers:
        wanted = self.wanted
        first, second = (
            table.totals(column, (where,))
            for column, where in ((wanted.column, wanted.filter), (wanted.second_column, wanted.second))
        )
        sums, counts = (np.concatenate(both) for both in zip(first, second, strict=True))
        return {"sum": sums, "count": counts, "parties": (counts > 0).astype(np.int64)}

    def recalled(self, record: Record, greeting: Greeting) -> Vector:
        # Both totals in the smaller unit of the two.  Of one column there is nothing to compare with itself.
        first, second = greeting.decimals[0], greeting.decimals[-1]
        units = [10 ** (max(first, second) - decimals) for decimals in (first, second)]
        sums = [field.scale(unit, record.of("sum", column)) for column, unit in enumerate(units)]
        once = (record.of_all("count"), record.of_all("parties"))
        return np.concatenate([*sums, *(layer for layer in once for _ in range(SIDES))])

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        # Both totals in the smaller unit of the two; as Python's integers, for that could overflow.
        first, second = greeting.decimals[0], greeting.decimals[-1]
        units = [10 ** (max(first, second) - decimals) for decimals in (first, second)]
        sums = [int(total) * unit for total, unit in zip(brought["sum"], units, strict=True)]
        for layer in (sums, brought["count"]):
            fixedpoint.check_aggregate(layer, len(attempt.participants))
        return np.concatenate([np.array(sums, dtype=np.int64), brought["count"], brought["parties"]])

    def release(self, held: Held) -> Protocol[Released]:
        totals, rows, parties = held.sum().reshape(3, SIDES)
        circle = yield from held.circle()
        # 1. With one side suppressed there is nothing to compare.
        if (yield from suppression.suppressed(held, rows, parties, circle)):
            return Released(np.zeros(0, dtype=np.uint64), (0,))
        # 2. Whether the first is greater, less whether it is less.
        second_less_first = field.subtract(totals[1:], totals[:1])
        signs = yield from negatives(circle, second_less_first, field.negate(second_less_first))
        greater, less = yield from to_field(circle, signs, 1)
        return Released(field.subtract(greater, less))

    def figures(self, opened: Opening) -> dict[str, Any]:
        (outcome,) = opened.rows(1, 1)
        if not outcome.size:
            return {"outcome": None, "suppressed": True}
        if int(outcome[0]) not in OUTCOMES:
            raise Malformed("a comparison with none of the three outcomes")
        return {"outcome": OUTCOMES[int(outcome[0])]}

    def released(self) -> str:
        wanted = self.wanted
        sides = [
            f"the sum of {wanted.dataset}.{column}{f' where {where.text}' if where.text else ''}"
            for column, where in ((wanted.column, wanted.filter), (wanted.second_column, wanted.second))
        ]
        return f"whether {sides[0]} is greater than, equal to or less than {sides[1]}; neither sum, nor the difference"

    def leaks(self) -> Sequence[Leak]:
        return suppression.leaks(self.wanted, "side")
