"""A firm's table as a record: what a party with a node deals when its data is stored, dealt by the firm itself.

So a stored sharing takes firms' tables and parties' datasets alike (steelyard.functions.record).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

import numpy as np

from steelyard.documents.contribution import Measure
from steelyard.errors import Invalid
from steelyard.fixedpoint import check_aggregate
from steelyard.functions.question import Values
from steelyard.functions.record import MOST_TOGETHER, Layout, dealt, written
from steelyard.functions.stats import LEAST_ROWS
from steelyard.randomness import SystemRandomness
from steelyard.tables import reader, schema
from steelyard.tables.filter import Filter, parse
from steelyard.tables.reader import Table
from steelyard.tables.schema import Column

MAX_COLUMNS: Final = 64
ALL: Final = parse("")


@dataclass(frozen=True, slots=True)
class FirmTable:
    """The layers of the record, the columns they are of, and the number of rows, padding included."""

    layers: Mapping[str, Values]
    columns: tuple[Measure, ...]
    rows: int


def read_table(path: Path, columns: Sequence[str] = (), declared: Path | None = None) -> FirmTable:
    """The record of a CSV, Parquet or Excel file's number columns, or of those named.

    The number of rows is padded to a power of two, so that it does not become known.  Raises Invalid with file, line
    and column, NotFound for a column that is not there.
    """
    table = reader.read(path, schema.load(declared) if declared else None)
    chosen = [table.schema.column(name) for name in columns] or [each for each in table.schema.columns if each.numeric]
    wrong = next((each.name for each in chosen if not each.numeric), "")
    if wrong or not 0 < len(chosen) <= MAX_COLUMNS:
        raise Invalid(f"{path.name}: 1 to {MAX_COLUMNS} columns of numbers are contributed{wrong and f', not {wrong}'}")
    padded = max(LEAST_ROWS, 1 << max(table.frame.height - 1, 0).bit_length())
    layout = Layout(len(chosen), padded, vector=False)
    names = tuple(each.name for each in chosen)
    record = dealt(written(RowsOfFile(table), names, ALL, layout), MOST_TOGETHER, SystemRandomness())
    starts = pairwise(accumulate(layout.sizes.values(), initial=0))
    layers = {name: record[start:end] for name, (start, end) in zip(layout.sizes, starts, strict=True)}
    return FirmTable(layers, tuple(map(_measure, chosen)), layout.rows)


@dataclass(frozen=True, slots=True)
class RowsOfFile:
    """All rows of a file, as a question reads a party's; filters are for datasets at nodes."""

    table: Table

    def totals(self, column: str, filters: Sequence[Filter]) -> tuple[Values, Values]:
        total = sum(self.values(column, ALL).tolist())
        check_aggregate([total], MOST_TOGETHER)
        return np.full(len(filters), total, dtype=np.int64), self.counts(filters)

    def counts(self, filters: Sequence[Filter]) -> Values:
        return np.full(len(filters), self.table.frame.height, dtype=np.int64)

    def values(self, column: str, where: Filter) -> Values:
        return self.table.frame[column].to_numpy()

    def texts(self, column: str, where: Filter) -> Sequence[str]:
        found: list[str] = self.table.frame[column].to_list()
        return found

    def has(self, column: str) -> bool:
        return column in self.table.frame.columns


def _measure(column: Column) -> Measure:
    bounded = column.minimum is not None and column.maximum is not None
    return Measure(column.name, column.decimals, column.bound if bounded else 0)
