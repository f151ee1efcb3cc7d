"""Exceeds: is the total of a column over all parties greater than a limit?  One bit, or one for each group.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; inputs are what their owners say.
Rounds      8 at k = 2, those of steelyard.functions.suppression besides.   Sends one comparison a cell.
Reveals     to the requester: one bit for each cell that is not suppressed.  The total is opened to nobody.
Follows     steelyard.protocols.compare.
Differs     nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steelyard import field, fixedpoint
from steelyard.errors import Malformed
from steelyard.functions import suppression
from steelyard.functions.question import Amount, Held, Layers, Leak, Opening, Released, Values
from steelyard.functions.selection import Cells
from steelyard.functions.totals import OfTotals
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.compare import negative
from steelyard.protocols.greet import Greeting
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol


class Limit(Cells, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `limit` is a decimal number, with no more decimals than the column."""

    limit: Amount


class Exceeds(OfTotals[Limit]):
    """True where the total is greater than the limit."""

    @property
    def multiplies(self) -> bool:
        return True

    @property
    def searches(self) -> bool:
        return True

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        fixedpoint.parse(self.wanted.limit, greeting.decimals[0])  # before anything is dealt
        return OfTotals.inputs(self, brought, attempt, greeting, noise)

    def release(self, held: Held) -> Protocol[Released]:
        totals, rows, parties = held.sum().reshape(3, self.wanted.cells)
        circle = yield from held.circle()
        left_out = yield from suppression.suppressed(held, rows, parties, circle)
        kept = np.delete(totals, left_out)
        if not kept.size:
            return Released(kept, left_out)
        # The total exceeds the limit if what is left up to the limit is negative.
        limit = fixedpoint.parse(self.wanted.limit, held.greeting.decimals[0])
        left = field.subtract(field.from_signed(np.full(kept.size, limit, dtype=np.int64)), kept)
        bits = yield from negative(circle, left)
        return Released((yield from to_field(circle, bits, kept.size)).reshape(-1), left_out)

    def figures(self, opened: Opening) -> dict[str, Any]:
        (bits,) = opened.rows(1, self.wanted.cells)
        if not np.isin(bits, (0, 1)).all():
            raise Malformed("a comparison that is neither true nor false")
        answers = iter(bits.astype(bool).tolist())
        hidden = set(opened.suppressed)
        cells: list[dict[str, Any]] = [
            {"exceeds": None, "suppressed": True} if index in hidden else {"exceeds": next(answers)}
            for index in range(self.wanted.cells)
        ]
        if not self.wanted.group_by:
            return cells[0]
        return {"groups": [{"group": name, **cell} for name, cell in zip(self.wanted.groups, cells, strict=True)]}

    def released(self) -> str:
        wanted = self.wanted
        per = f", for each of {len(wanted.groups)} groups of {wanted.group_by}" if wanted.group_by else ""
        where = f" where {wanted.where}" if wanted.where else ""
        return f"whether the sum of {wanted.dataset}.{wanted.column}{where} exceeds {wanted.limit}{per}; not the sum"

    def leaks(self) -> Sequence[Leak]:
        return suppression.leaks(self.wanted, "group" if self.wanted.group_by else "result")
