"""A file becomes a table: every cell checked, or nothing at all.

Not accepted, with file, line and column named: wrong, missing or unknown columns, empty files, ragged rows, empty or
unreadable numbers, NaN, infinities, exponents, decimal commas, too many decimals, values out of bounds; and, where no
schema is declared, columns that hold nothing but numbers in another notation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from steelyard.errors import Invalid
from steelyard.tables import columnar, csv_file
from steelyard.tables.schema import Schema

_READERS = {
    ".csv": csv_file.read,
    ".parquet": columnar.read_parquet,
    ".xlsx": columnar.read_excel,
    ".xls": columnar.read_excel,
    ".ods": columnar.read_excel,
}


@dataclass(frozen=True, slots=True)
class Table:
    """Columns in the schema's order and types: String, Int64 (minor units), Date, Boolean; no nulls."""

    schema: Schema
    frame: pl.DataFrame


def read(path: Path, schema: Schema | None = None, name: str | None = None) -> Table:
    """The table in a CSV, Parquet or Excel file; without a schema it is inferred from the first row.

    `name` is what messages call the file, its suffix says what it is; by default the path's own.  Raises Invalid.
    """
    name = name or path.name
    reader = _READERS.get(Path(name).suffix.lower())
    if reader is None:
        raise Invalid(f"{name}: neither .csv nor .parquet nor .xlsx")
    return Table(*reader(path, name, schema))
