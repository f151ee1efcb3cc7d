"""A filter as a polars expression over a schema's types; decimals are compared exactly."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from math import ceil, floor

import polars as pl

from steelyard.errors import Invalid
from steelyard.tables.cells import DTYPES
from steelyard.tables.filter import Bound, Condition, Filter, Interval, OneOf
from steelyard.tables.schema import BOUND, Column, Schema, iso_date
from steelyard.tables.terms import Value

Native = str | int | bool | datetime.date


def expression(where: Filter, schema: Schema) -> pl.Expr:
    """True for the rows selected.  Raises NotFound for an unknown column, Invalid for a literal of the wrong type."""
    parts = [_condition(schema.column(name), condition) for name, condition in where.conditions]
    return reduce(lambda one, other: one & other, parts, pl.lit(True))


def _condition(column: Column, condition: Condition) -> pl.Expr:
    cell = pl.col(column.name)
    if isinstance(condition, OneOf):
        values = [native for each in condition.values for native in _equal(column, each)]
        return cell.is_in(pl.lit(pl.Series(values, dtype=DTYPES[column.kind])).implode()) if values else pl.lit(False)
    if column.kind == "boolean":
        raise Invalid(f"column {column.name} is true or false and has no order")
    if column.numeric:
        return cell.is_between(*_whole_ends(column, condition))
    low, high = _end(column, condition.low), _end(column, condition.high)
    above = pl.lit(True) if low is None else (cell >= low[0] if low[1] else cell > low[0])
    below = pl.lit(True) if high is None else (cell <= high[0] if high[1] else cell < high[0])
    return above & below


def _equal(column: Column, value: Value) -> list[Native]:
    """The column's own value that equals the literal, if there is one."""
    if not column.numeric:
        return [_plain(column, value)]
    minor = _minor(column, value)
    return [int(minor)] if minor.denominator == 1 and abs(minor) < BOUND else []


def _whole_ends(column: Column, interval: Interval) -> tuple[int, int]:
    """The interval as inclusive minor units; values are below 2^59, so ends beyond that can be cut off."""
    low, high = 1 - BOUND, BOUND - 1
    if interval.low is not None:
        end = _minor(column, interval.low.value)
        low = min(max(low, ceil(end) if interval.low.closed else floor(end) + 1), BOUND)
    if interval.high is not None:
        end = _minor(column, interval.high.value)
        high = max(min(high, floor(end) if interval.high.closed else ceil(end) - 1), -BOUND)
    return low, high


def _end(column: Column, bound: Bound | None) -> tuple[pl.Expr, bool] | None:
    if bound is None:
        return None
    return pl.lit(_plain(column, bound.value), dtype=DTYPES[column.kind]), bound.closed


def _minor(column: Column, value: Value) -> Fraction:
    if not isinstance(value, Decimal):
        raise Invalid(f"column {column.name} holds numbers: compare it with a number")
    return Fraction(value) * column.unit


def _plain(column: Column, value: Value) -> Native:
    if column.kind == "boolean":
        if not isinstance(value, bool):
            raise Invalid(f"column {column.name} is compared with TRUE or FALSE")
        return value
    if not isinstance(value, str):
        raise Invalid(f"column {column.name} holds {column.kind}: compare it with a text in single quotes")
    if column.kind == "text":
        return value
    day = iso_date(value)
    if day is None:
        raise Invalid(f"column {column.name} holds dates: write 'YYYY-MM-DD'")
    return day
