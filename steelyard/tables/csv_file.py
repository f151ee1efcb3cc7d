"""CSV to typed columns, in batches, with exact line numbers.

Python's csv module splits (quoted separators, quotes and line breaks), polars checks and converts a batch at a time, so
that memory holds one batch of text and the typed columns, whatever the size of the file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, TextIO

import polars as pl

from steelyard.errors import Invalid
from steelyard.tables import cells, header
from steelyard.tables.schema import Schema, infer

BATCH_ROWS: Final = 65_536
BATCH_CHARACTERS: Final = 1 << 25
MAX_LINE: Final = 1 << 20  # characters
SEPARATORS: Final = ",;\t"

Batch = tuple[list[list[str]], list[int]]  # rows, and the line each begins on


def read(path: Path, name: str, declared: Schema | None) -> tuple[Schema, pl.DataFrame]:
    """The table in a CSV file.  `name` is what messages call the file.  Raises Invalid naming file, line and column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(_Lines(file, name), declared)
    except UnicodeDecodeError:
        raise Invalid(f"{name}, line {_undecodable_line(path)}: not UTF-8 text") from None
    except OSError as error:
        raise Invalid(f"{name}: cannot be read ({error.strerror})") from None


class _Lines:
    """The file's lines, of bounded length; counts lines and characters."""

    def __init__(self, file: TextIO, name: str) -> None:
        self.name = name
        self.number = 0
        self.characters = 0
        self._file = file

    def __iter__(self) -> Iterator[str]:
        readline = self._file.readline
        while line := readline(MAX_LINE):
            self.number += 1
            self.characters += len(line)
            if len(line) == MAX_LINE:
                raise self.invalid(f"longer than {MAX_LINE} characters")
            yield line

    def invalid(self, problem: str, line: int = 0) -> Invalid:
        return Invalid(f"{self.name}, line {line or self.number}: {problem}")


def _read(lines: _Lines, declared: Schema | None) -> tuple[Schema, pl.DataFrame]:
    text = iter(lines)
    first = next(text, "")
    if not first.strip():
        raise Invalid(f"{lines.name}, line 1: the file is empty or its header is missing")
    rows = csv.reader(chain([first], text), delimiter=_separator(first), strict=True)
    try:
        return _table(rows, lines, declared)
    except csv.Error as error:
        raise lines.invalid(_csv_complaint(error)) from None


def _table(rows: Iterator[list[str]], lines: _Lines, declared: Schema | None) -> tuple[Schema, pl.DataFrame]:
    names = header.checked(next(rows), declared, f"{lines.name}, line 1")
    schema: Schema | None = declared
    frames = []
    for batch, begins in _batches(rows, lines, len(names)):
        schema = schema or _inferred(names, batch[0], lines.name, begins[0])
        frames.append(_typed(schema, names, batch, begins, lines.name))
    if schema is None or not frames:
        raise Invalid(f"{lines.name}, line 2: there is a header but no row")
    return schema, pl.concat(frames, rechunk=True)


def _separator(line: str) -> str:
    """The separator that occurs most often outside quotes; a comma if none does."""
    outside = "".join(line.split('"')[::2])
    return max(SEPARATORS, key=outside.count)


def _batches(rows: Iterator[list[str]], lines: _Lines, width: int) -> Iterator[Batch]:
    batch: list[list[str]] = []
    begins: list[int] = []
    full = lines.characters + BATCH_CHARACTERS
    last, blank = lines.number, 0
    for row in rows:
        begin, last = last + 1, lines.number
        if len(row) != width or blank:
            if row:
                problem = "a blank line between rows" if blank else _ragged(len(row), width)
                raise lines.invalid(problem, blank or begin)
            blank = blank or begin
            continue
        batch.append(row)
        begins.append(begin)
        if len(batch) >= BATCH_ROWS or lines.characters >= full:
            yield batch, begins
            batch, begins, full = [], [], lines.characters + BATCH_CHARACTERS
    if batch:
        yield batch, begins


def _inferred(names: Sequence[str], row: Sequence[str], name: str, line: int) -> Schema:
    try:
        return infer(names, row)
    except Invalid as error:
        raise Invalid(f"{name}, line {line}: {error.message}") from None


def _typed(schema: Schema, names: Sequence[str], batch: list[list[str]], begins: list[int], name: str) -> pl.DataFrame:
    columns = dict(zip(names, zip(*batch, strict=True), strict=True))
    frame = pl.DataFrame(
        {each.name: cells.typed(each, pl.Series(columns[each.name], dtype=pl.String)) for each in schema.columns}
    )
    bad = first_null(frame)
    if bad is not None:
        row, column = bad
        problem = cells.complaint(schema.column(column), columns[column][row])
        raise Invalid(f"{name}, line {begins[row]}, column {column}: {problem}")
    return frame


def first_null(frame: pl.DataFrame) -> tuple[int, str] | None:
    """Row and column of the first null in reading order."""
    found = [(each.is_null().arg_max() or 0, at, each.name) for at, each in enumerate(frame) if each.null_count()]
    if not found:
        return None
    row, _, column = min(found)
    return row, column


def _ragged(cells_here: int, width: int) -> str:
    hint = "; a number needs a point, not a comma, and a text with the separator in it needs quotes"
    return f"{cells_here} cells where the header has {width}{hint if cells_here > width else ''}"


def _csv_complaint(error: csv.Error) -> str:
    text = str(error)
    if "field limit" in text:
        return f"a cell of more than {csv.field_size_limit()} characters"
    if "end of data" in text:
        return "a quoted cell is not closed"
    return "quotes in the wrong place"


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0
