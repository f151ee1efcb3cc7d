"""Typed columns of Parquet and Excel to the schema's types; null marks a cell that is no value of the column."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from steelyard.tables import cells
from steelyard.tables.schema import Column

TOLERANCE: Final = 1e-9  # how far a float may be from the decimal it stands for
# A double keeps 15 significant decimal digits: above that two amounts share one double.
MOST_EXACT: Final = 10**15
MOST_WHOLE: Final = 1 << 53


def typed(column: Column, values: pl.Series) -> pl.Series:
    """(n,) of any type to (n,) of the column's type, null where the value is no value of the column."""
    dtype = values.dtype
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        texts = values.cast(pl.String)
        return cells.typed(column, texts if column.kind != "text" or column.groups else texts.fill_null(""))
    if column.numeric:
        return _number(column, values)
    if column.kind == "text":
        return cells.typed(column, _whole(values).cast(pl.String)) if dtype.is_numeric() else _nulls(column, values)
    if column.kind == "date" and (dtype == pl.Date or isinstance(dtype, pl.Datetime)):
        days = values.cast(pl.Date)
        past_midnight = days.cast(dtype) != values
        before_year_one = days.dt.year() < 1
        return days.set((past_midnight | before_year_one).fill_null(False), None)
    if column.kind == "boolean" and dtype == pl.Boolean:
        return values
    return _nulls(column, values)


def complaint(column: Column, values: pl.Series, index: int) -> str:
    """Why the value at `index`, which `typed` made null, is no value of the column.  Never repeats the value."""
    value = values[index]
    if value is None or isinstance(value, str):
        return cells.complaint(column, value)
    if not column.numeric:
        return f"a number or other value where {column.kind} is declared"
    if not values.dtype.is_numeric():
        return "not a number"
    if isinstance(value, float):
        return _float_complaint(column, value)
    return cells.complaint(column, f"{value:f}" if values.dtype.is_decimal() else str(value))


def _number(column: Column, values: pl.Series) -> pl.Series:
    dtype = values.dtype
    if dtype.is_integer() or dtype == pl.Null:
        # Larger integers than 64 bits hold are out of range anyway.
        whole = values.cast(pl.Int64, strict=False)
        small = whole.is_between(-(2**63 // column.unit) + 1, 2**63 // column.unit - 1)
        return cells.within(column, whole.set(~small.fill_null(False), None) * column.unit)
    if dtype.is_decimal():
        return cells.within(column, _decimal(column, values))
    if dtype.is_float():
        return cells.within(column, _float(column, values))
    return _nulls(column, values)


def _decimal(column: Column, values: pl.Series) -> pl.Series:
    """Through text, which is exact for every scale: trailing zeros beyond the column's decimals are harmless."""
    texts = values.cast(pl.String)
    trimmed = texts.str.replace(rf"(\.[0-9]{{{column.decimals}}})0+$", "${1}").str.replace(r"\.$", "")
    return cells.typed(column, trimmed)


def _float(column: Column, values: pl.Series) -> pl.Series:
    """Accepts a double only if it stands for exactly one number with the column's decimals."""
    doubles = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    with np.errstate(invalid="ignore", over="ignore"):
        minor = np.rint(doubles * column.unit)
        exact = (np.abs(minor) < _most(column)) & (np.abs(minor / column.unit - doubles) < TOLERANCE)
    return pl.Series(values.name, np.where(exact, minor, 0).astype(np.int64)).set(pl.Series(~exact), None)


def _most(column: Column) -> int:
    return MOST_EXACT if column.decimals else MOST_WHOLE


def _float_complaint(column: Column, value: float) -> str:
    if not np.isfinite(value):
        return "not a finite number"
    if abs(value) * column.unit >= _most(column):
        return "a floating-point number too large to be exact: store it as decimal or text"
    if not column.low <= round(value * column.unit) <= column.high:
        return "out of range"
    return f"more than {column.decimals} decimals" if column.decimals else "not a whole number"


def _whole(values: pl.Series) -> pl.Series:
    """Account numbers that a spreadsheet keeps as numbers."""
    if not values.dtype.is_float():
        return values
    whole = values.cast(pl.Int64, strict=False)
    return whole.set(~((whole.cast(pl.Float64) == values) & (whole.abs() < MOST_WHOLE)).fill_null(False), None)


def _nulls(column: Column, values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [None], dtype=cells.DTYPES[column.kind]).new_from_index(0, len(values))
