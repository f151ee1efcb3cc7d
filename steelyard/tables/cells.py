"""Text cells to typed vectors, one batch of one column at a time; null marks a cell that is no value of the column.

Checking is vectorised; only the first bad cell is looked at again, to say what is wrong with it (never what it says).
"""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from steelyard.tables import notation
from steelyard.tables.schema import Column, Kind

DTYPES: Final[dict[Kind, type[pl.DataType]]] = {
    "text": pl.String,
    "integer": pl.Int64,
    "decimal": pl.Int64,
    "date": pl.Date,
    "boolean": pl.Boolean,
}

_PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_EXPONENT = re.compile(r"[+-]?[0-9]*\.?[0-9]*[eE][+-]?[0-9]+")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def typed(column: Column, texts: pl.Series) -> pl.Series:
    """(n,) String to (n,) of the column's type, null where the text is no value of the column."""
    if column.kind == "text":
        return _texts(column, texts)
    stripped = texts.str.strip_chars(" \t")
    if column.kind == "date":
        shaped = stripped.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$") & ~stripped.str.starts_with("0000")
        return stripped.set(~shaped.fill_null(False), None).str.to_date("%Y-%m-%d", strict=False)
    if column.kind == "boolean":
        lower = stripped.str.to_lowercase()
        return (lower == "true").set(~lower.is_in(["true", "false"]).fill_null(False), None)
    return within(column, _minor_units(column, stripped))


def within(column: Column, values: pl.Series) -> pl.Series:
    """(n,) Int64 minor units with null in place of values outside the column's bounds."""
    return values.set(~values.is_between(column.low, column.high).fill_null(False), None)


def complaint(column: Column, text: str | None) -> str:
    """Why `text`, which `typed` made null, is no value of the column.  Never repeats the text."""
    if text is None or not text.strip(" \t"):
        return "empty cell"
    if "\0" in text:
        return "a NUL character"
    if column.kind == "text":
        return "not one of the column's groups"
    if column.kind == "date":
        return "not a date: write YYYY-MM-DD"
    if column.kind == "boolean":
        return "neither true nor false"
    return _number_complaint(column, text.strip(" \t"))


def _texts(column: Column, texts: pl.Series) -> pl.Series:
    bad = texts.str.contains("\0", literal=True)
    if column.groups:
        bad |= ~texts.is_in(list(column.groups))
    return texts.set(bad.fill_null(True), None)


def _minor_units(column: Column, texts: pl.Series) -> pl.Series:
    """Digits before and behind the point side by side, the latter padded to `decimals`; overflow becomes null."""
    fraction = rf"(?:\.([0-9]{{1,{column.decimals}}}))?" if column.decimals else "()"
    parts = texts.str.extract_groups(rf"^([+-]?[0-9]+){fraction}$").struct.unnest()
    whole, behind = parts.get_columns()
    return (whole + behind.fill_null("").str.pad_end(column.decimals, "0")).cast(pl.Int64, strict=False)


def _number_complaint(column: Column, text: str) -> str:
    if _NOT_FINITE.fullmatch(text):
        return "not a finite number"
    if _EXPONENT.fullmatch(text):
        return "an exponent: write the number in full"
    if notation.is_foreign(text):
        return notation.COMPLAINT
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return "not a number"
    if len(plain[1] or ".") - 1 > column.decimals:
        return f"more than {column.decimals} decimals" if column.decimals else "not a whole number"
    return "out of range"
