"""Exact sums and row counts of one column under many filters, in as few passes over the rows as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from steelyard.tables.filter import Filter, OneOf
from steelyard.tables.predicate import expression
from steelyard.tables.schema import Column, Schema

_HALF: Final = 1 << 30  # values are summed in two halves, neither of which can overflow
_AT_ONCE: Final = 64  # filters a pass, which bounds memory

Cell = tuple[int, int]  # sum in minor units, rows
_EMPTY: Final[Cell] = (0, 0)


def cells(table: pl.LazyFrame, schema: Schema, column: Column | None, filters: Sequence[Filter]) -> list[Cell]:
    """Per filter the exact sum of the column (0 without a column) and the rows selected."""
    checked = [expression(each, schema) for each in filters]  # all of them, before any work
    figures = _Figures(schema.names[0], False) if column is None else _Figures(column.name, True)
    grouped = _group_by(filters, schema)
    if grouped is not None:
        return _by_group(table.filter(expression(grouped.common, schema)), figures, grouped)
    found: list[Cell] = []
    for start in range(0, len(checked), _AT_ONCE):
        found += _by_filter(table, figures, checked[start : start + _AT_ONCE])
    return found


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Filters that differ only in the one value of one text column."""

    common: Filter
    column: str
    groups: tuple[str | None, ...]  # None selects no row


def _group_by(filters: Sequence[Filter], schema: Schema) -> _Grouped | None:
    if len(filters) < 2:
        return None
    for column in filters[0].columns:
        rest = {Filter(tuple(each for each in f.conditions if each[0] != column)) for f in filters}
        groups = [_single(f, column) for f in filters]
        if schema.column(column).kind == "text" and len(rest) == 1 and all(groups):
            return _Grouped(rest.pop(), column, tuple(each[0] for each in groups if each))
    return None


def _single(where: Filter, column: str) -> tuple[str | None] | None:
    condition = dict(where.conditions).get(column)
    if not isinstance(condition, OneOf) or len(condition.values) > 1:
        return None
    value = condition.values[0] if condition.values else None
    return (value,) if value is None or isinstance(value, str) else None


def _by_group(table: pl.LazyFrame, figures: _Figures, grouped: _Grouped) -> list[Cell]:
    rows = table.group_by(pl.col(grouped.column).alias("group")).agg(*figures()).collect().iter_rows()
    found = {group: (high * _HALF + low, count) for group, high, low, count in rows}
    return [found.get(each, _EMPTY) if each is not None else _EMPTY for each in grouped.groups]


def _by_filter(table: pl.LazyFrame, figures: _Figures, filters: Sequence[pl.Expr]) -> list[Cell]:
    # A struct keeps the three figures of a filter together, whatever the number of filters.
    wanted = [pl.struct(*figures(rows)).alias(str(index)) for index, rows in enumerate(filters)]
    row = table.select(wanted).collect().row(0)
    return [(each["high"] * _HALF + each["low"], each["rows"]) for each in row]


@dataclass(frozen=True, slots=True)
class _Figures:
    """Expressions of the three figures of one cell, over a column that is there in any case."""

    column: str
    numeric: bool

    def __call__(self, rows: pl.Expr | None = None) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
        cell = pl.col(self.column)
        selected = cell if rows is None else cell.filter(rows)
        high = (selected // _HALF).sum() if self.numeric else pl.lit(0)
        low = (selected % _HALF).sum() if self.numeric else pl.lit(0)
        return high.alias("high"), low.alias("low"), selected.len().alias("rows")
