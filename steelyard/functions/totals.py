"""Questions about the parties' totals of a column, cell by cell: what contributors deal for them."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np

from steelyard import fixedpoint
from steelyard.field import Vector
from steelyard.functions.question import Layers, Question, Record, Table, Values
from steelyard.functions.selection import Cells
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.randomness import Randomness

C = TypeVar("C", bound=Cells)

LAYERS: Final = 3  # sums, row counts, and whether the party has any rows


class OfTotals(Question[C]):
    """Contributors deal three layers of cells: their totals, row counts, and whether they have rows at all."""

    def values(self, rows: int) -> int:
        return LAYERS * self.wanted.cells

    def bring(self, table: Table, rows: int) -> Layers:
        sums, counts = table.totals(self.wanted.column, self.wanted.filters)
        return {"sum": sums, "count": counts, "parties": (counts > 0).astype(np.int64)}

    def recalled(self, record: Record, greeting: Greeting) -> Vector:
        return np.concatenate([record.of("sum"), record.of_all("count"), record.of_all("parties")])

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        for layer in brought.values():
            fixedpoint.check_aggregate(layer, len(attempt.participants))
        return np.concatenate(list(brought.values()))
