"""Parquet and Excel to typed columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import fastexcel
import polars as pl

from steelyard.errors import Invalid
from steelyard.tables import header, native, notation
from steelyard.tables.csv_file import first_null
from steelyard.tables.schema import Schema, infer

HEADER_WITHIN: Final = 50  # an Excel sheet's header is among its first rows

Place = Callable[[int], str]  # where the row with this index is, as the owner counts


def read_parquet(path: Path, name: str, declared: Schema | None) -> tuple[Schema, pl.DataFrame]:
    """The table in a Parquet file; a row's line is its number, from 1.  Raises Invalid."""
    try:
        frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        raise Invalid(f"{name}: cannot be read as Parquet") from None
    names = header.checked(frame.columns, declared, name)
    frame.columns = list(names)
    return _typed(frame, declared, name, lambda row: f"{name}, line {row + 1}")


def read_excel(path: Path, name: str, declared: Schema | None) -> tuple[Schema, pl.DataFrame]:
    """The table on the first sheet of a workbook; a row's line is the sheet's.  Raises Invalid."""
    try:
        workbook = fastexcel.read_excel(path.read_bytes())
        top = workbook.load_sheet(0, header_row=None, skip_rows=0, n_rows=HEADER_WITHIN, dtypes="string").to_polars()
        first = _header_row(top, name)
        frame = workbook.load_sheet(0, header_row=first, skip_rows=0, schema_sample_rows=None).to_polars()
    except (OSError, fastexcel.FastExcelError, pl.exceptions.PolarsError):
        raise Invalid(f"{name}: cannot be read as an Excel workbook") from None
    titles = list(top.row(first))
    if len(titles) != frame.width:
        raise Invalid(f"{name}, line {first + 1}: a cell without a header, or a header without cells")
    names = header.checked([text or "" for text in titles], declared, f"{name}, line {first + 1}")
    frame.columns = list(names)
    return _typed(_without_blank_tail(frame), declared, name, lambda row: f"{name}, line {first + row + 2}")


def _header_row(top: pl.DataFrame, name: str) -> int:
    found = next((index for index, row in enumerate(top.iter_rows()) if any(row)), None)
    if found is None:
        raise Invalid(f"{name}, line 1: the first sheet is empty")
    return found


def _without_blank_tail(frame: pl.DataFrame) -> pl.DataFrame:
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    return frame.head(int(filled[-1]) + 1 if len(filled) else 0)


def _typed(frame: pl.DataFrame, declared: Schema | None, name: str, place: Place) -> tuple[Schema, pl.DataFrame]:
    if not frame.height:
        raise Invalid(f"{name}: there is a header but no row")
    schema = declared or _inferred(frame.columns, frame, place)
    typed = pl.DataFrame({each.name: native.typed(each, frame.get_column(each.name)) for each in schema.columns})
    bad = first_null(typed)
    if bad is not None:
        row, column = bad
        problem = native.complaint(schema.column(column), frame.get_column(column), row)
        raise Invalid(f"{place(row)}, column {column}: {problem}")
    if declared is None and (foreign := notation.first_foreign(typed)):
        row, column = foreign
        raise Invalid(f"{place(row)}, column {column}: {notation.ADVICE}")
    return schema, typed.rechunk()


def _inferred(names: Sequence[str], frame: pl.DataFrame, place: Place) -> Schema:
    try:
        return infer(names, frame.row(0))
    except Invalid as error:
        raise Invalid(f"{place(0)}: {error.message}") from None
