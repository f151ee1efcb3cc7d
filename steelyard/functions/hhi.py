"""Hhi: how concentrated a column's total is among the parties, as the Herfindahl-Hirschman index, for all or by group.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; inputs are what their owners say.
Rounds      113 at k = 2, 160 at k = 3, those of steelyard.functions.suppression besides.   Sends one division for every
            party and cell.
Reveals     to the requester: the index to six decimals, or that there is none; the total and its parts to nobody.
Follows     steelyard.protocols.herfindahl.
Differs     nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from steelyard import field, fixedpoint
from steelyard.errors import Malformed
from steelyard.field import Vector
from steelyard.functions import suppression
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Record, Released, Table, Values
from steelyard.functions.selection import Cells
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.bit_to_field import bits_times
from steelyard.protocols.compare import negative
from steelyard.protocols.greet import Greeting
from steelyard.protocols.herfindahl import DECIMALS, herfindahl
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

_COMPARED: Final = 1 << 10  # bytes in which the bits of a number travel to a party, at most


class Concentration(Cells, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: those of every figure by group."""


class Hhi(Question[Concentration]):
    """Contributors deal their totals, row counts, whether they have rows, and whether their totals are negative.

    There is no index where a party's total is negative, or all are zero; a negative one is dealt as zero.
    """

    @property
    def parts(self) -> bool:
        return True

    @property
    def multiplies(self) -> bool:
        return True

    def values(self, rows: int) -> int:
        return 4 * self.wanted.cells

    def bring(self, table: Table, rows: int) -> Layers:
        sums, counts = table.totals(self.wanted.column, self.wanted.filters)
        layers = {"sum": np.maximum(sums, 0), "count": counts, "parties": counts > 0, "negative": sums < 0}
        return {name: layer.astype(np.int64) for name, layer in layers.items()}

    def recalled(self, record: Record, greeting: Greeting) -> Vector:
        layers = (record.of("positive"), record.of_all("count"), record.of_all("parties"), record.of("negative"))
        return np.concatenate(layers)

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        for layer in brought.values():
            fixedpoint.check_aggregate(layer, len(attempt.participants))
        return np.concatenate(list(brought.values()))

    def release(self, held: Held) -> Protocol[Released]:
        shape = (4, self.wanted.cells)
        total, rows, parties, below = held.sum().reshape(shape)
        circle = yield from held.circle()
        left_out = yield from suppression.suppressed(held, rows, parties, circle)
        total, below = np.delete(total, left_out), np.delete(below, left_out)
        if not total.size:
            return Released(total, left_out)
        # A total of zero has no index: that is what it becomes unless no party's total is negative.
        sound = yield from negative(circle, field.subtract(below, np.ones_like(below)))
        (total,) = yield from bits_times(circle, sound, [total])
        each = [held.shares[party].reshape(shape)[0] for party in held.greeting.contributors]
        index, defined = yield from herfindahl(circle, np.delete(np.stack(each), left_out, axis=1), total)
        return Released(np.concatenate([index, defined]), left_out)

    def figures(self, opened: Opening) -> dict[str, Any]:
        indices, defined = opened.rows(2, self.wanted.cells)
        if not (np.isin(defined, (0, 1)) & (indices >= 0) & (indices <= defined * 10**DECIMALS)).all():
            raise Malformed("an index of concentration is from 0 to 1")
        known = iter(zip(indices.tolist(), defined.tolist(), strict=True))
        hidden = set(opened.suppressed)
        cells = [
            {"hhi": None, "suppressed": True} if cell in hidden else {"hhi": _written(*next(known))}
            for cell in range(self.wanted.cells)
        ]
        if not self.wanted.group_by:
            return cells[0]
        return {"groups": [{"group": name, **cell} for name, cell in zip(self.wanted.groups, cells, strict=True)]}

    def released(self) -> str:
        wanted = self.wanted
        per = f" for each of {len(wanted.groups)} groups of {wanted.group_by}" if wanted.group_by else ""
        where = f" where {wanted.where}" if wanted.where else ""
        return (
            f"how concentrated the sum of {wanted.dataset}.{wanted.column}{where} is among the parties{per}:"
            f" the sum of the squares of their parts of it, to {DECIMALS} decimals, or that there is none,"
            " because a party's sum is negative or all are zero; neither which, nor the sum, nor any part"
        )

    def leaks(self) -> Sequence[Leak]:
        return suppression.leaks(self.wanted, "group" if self.wanted.group_by else "result")

    def longest(self, participants: int, contributors: int = 0) -> int:
        return _COMPARED * self.wanted.cells * (max(participants, contributors) + 1)


def _written(index: int, defined: int) -> str | None:
    return fixedpoint.format(index, DECIMALS) if defined else None
