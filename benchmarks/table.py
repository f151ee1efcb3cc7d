"""Rows for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.floors import OURS, Floor, ratio
from benchmarks.measure import Row

_HEADINGS = ("job", "parties", "size", "system", "seconds", "bytes sent/party", "rounds", "peak RSS MB", "vs MPyC")
_WIDTH = 150  # of a table that goes to a file


def show(rows: Sequence[Row]) -> None:
    """The rows of one setting, without a word on floors."""
    table = _table(_HEADINGS)
    for row in rows:
        table.add_row(*_cells(row, rows))
    _print(table)


def show_floors(measured: Iterable[tuple[Floor, Sequence[Row]]]) -> None:
    """Every row with its floor and whether it is met."""
    table = _table((*_HEADINGS, "floor", "met"))
    for floor, rows in measured:
        for row in rows:
            judged = (str(floor), "yes" if floor.met(rows) else "NO") if row.system == OURS else ("", "")
            table.add_row(*_cells(row, rows), *judged)
    _print(table)


def _table(headings: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("job", "system", "floor") else "right", no_wrap=True)
    return table


def _cells(row: Row, rows: Sequence[Row]) -> list[str]:
    times = ratio(rows) if row.system == OURS else None
    return [
        row.job,
        f"{row.threshold}-of-{row.parties}" if row.parties else "-",
        f"{row.size:,}" if row.size else "-",
        row.system,
        f"{row.seconds:.4f}",
        _number(row.bytes_sent_per_party),
        _number(row.rounds),
        _number(row.peak_rss_mb),
        "-" if times is None else f"{times:.{1 if times >= 1 else 3}f}x",
    ]


def _number(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:,}"


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)
