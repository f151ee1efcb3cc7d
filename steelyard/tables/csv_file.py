"""CSV to typed columns, in batches, with exact line numbers.

Python's csv module splits (quoted separators, quotes and line breaks), polars checks and converts a batch at a time, so
that memory holds one batch of text and the typed columns, whatever the size of the file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final, TextIO

import polars as pl

from steelyard.errors import Invalid
from steelyard.tables import cells, header, notation
from steelyard.tables.schema import Schema, infer

BATCH_ROWS: Final = 65_536
BATCH_CHARACTERS: Final = 1 << 25
MAX_LINE: Final = 1 << 20  # characters
SEPARATORS: Final = ",;\t"

_CHUNK_ROWS: Final = 4_096
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some rows, the first of which begins on line `begin`."""

    begin: int
    rows: list[list[str]]

    def line(self, index: int) -> int:
        """The line a row begins on: a cell may hold line breaks, and then its row has several lines."""
        breaks = sum(len(_LINE_BREAK.findall(cell)) for row in self.rows[:index] for cell in row)
        return self.begin + index + breaks


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
    frames, begin = [], lines.number + 1
    for batch in _batches(rows, lines, len(names)):
        schema = schema or _inferred(names, batch.rows[0], lines.name, batch.begin)
        frames.append(_typed(schema, names, batch, lines.name))
    if schema is None or not frames:
        raise Invalid(f"{lines.name}, line 2: there is a header but no row")
    frame = pl.concat(frames, rechunk=True)
    if declared is None and (foreign := notation.first_foreign(frame)):
        row, column = foreign
        raise Invalid(f"{lines.name}, line {_line(frame, begin, row)}, column {column}: {notation.ADVICE}")
    return schema, frame


def _line(frame: pl.DataFrame, begin: int, row: int) -> int:
    """The line that a row begins on, in a file whose first row begins on line `begin`: only texts hold line breaks."""
    breaks = [
        int(each.str.count_matches(_LINE_BREAK.pattern).sum()) for each in frame.head(row) if each.dtype == pl.String
    ]
    return begin + row + sum(breaks)


def _separator(line: str) -> str:
    """The separator that occurs most often outside quotes; a comma if none does."""
    outside = "".join(line.split('"')[::2])
    return max(SEPARATORS, key=outside.count)


def _batches(rows: Iterator[list[str]], lines: _Lines, width: int) -> Iterator[_Batch]:
    blank = 0
    while True:
        batch = _Batch(lines.number + 1, _taken(rows, lines))
        if not batch.rows:
            return
        kept = len(batch.rows)
        if set(map(len, batch.rows)) != {width}:
            kept = _checked(batch, width, lines)
        if blank and kept:
            raise lines.invalid("a blank line between rows", blank)
        if kept < len(batch.rows):
            blank = blank or batch.line(kept)
            del batch.rows[kept:]
        if batch.rows:
            yield batch


def _taken(rows: Iterator[list[str]], lines: _Lines) -> list[list[str]]:
    """The next rows, bounded in number and, roughly, in characters."""
    taken: list[list[str]] = []
    full = lines.characters + BATCH_CHARACTERS
    while len(taken) < BATCH_ROWS and lines.characters < full:
        chunk = list(islice(rows, min(_CHUNK_ROWS, BATCH_ROWS)))
        if not chunk:
            break
        taken += chunk
    return taken


def _checked(batch: _Batch, width: int, lines: _Lines) -> int:
    """How many rows come before the blank lines at the batch's end; raises for any row of another width."""
    kept = max((index for index, row in enumerate(batch.rows, 1) if row), default=0)
    for index, row in enumerate(batch.rows[:kept]):
        if len(row) != width:
            problem = _ragged(len(row), width) if row else "a blank line between rows"
            raise lines.invalid(problem, batch.line(index))
    return kept


def _inferred(names: Sequence[str], row: Sequence[str], name: str, line: int) -> Schema:
    try:
        return infer(names, row)
    except Invalid as error:
        raise Invalid(f"{name}, line {line}: {error.message}") from None


def _typed(schema: Schema, names: Sequence[str], batch: _Batch, name: str) -> pl.DataFrame:
    columns = dict(zip(names, zip(*batch.rows, strict=True), strict=True))
    frame = pl.DataFrame(
        {each.name: cells.typed(each, pl.Series(columns[each.name], dtype=pl.String)) for each in schema.columns}
    )
    bad = first_null(frame)
    if bad is not None:
        row, column = bad
        problem = cells.complaint(schema.column(column), columns[column][row])
        raise Invalid(f"{name}, line {batch.line(row)}, column {column}: {problem}")
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
