"""Rows for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks.cost import Cost
from benchmarks.floors import OURS, Floor, ratio
from benchmarks.measure import Row
from benchmarks.sweep import Point

_HEADINGS = (
    "job",
    "parties",
    "size",
    "system",
    "seconds",
    "ns/value",
    "bytes sent/party",
    "rounds",
    "peak RSS MB",
    "vs MPyC",
)
_LEFT = ("job", "system", "floor", "series", "unit")
_WIDTH = 160  # of a table that goes to a file


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


def show_sweep(measured: Iterable[tuple[Point, Row]]) -> None:
    """Every series."""
    table = _table(("series", "parties", "batch", "delay ms", "seconds", "ns/value", "bytes sent/value", "rounds"))
    for point, row in measured:
        sent = None if row.bytes_sent_per_party is None else round(row.bytes_sent_per_party / row.size, 1)
        table.add_row(
            point.series,
            f"{row.threshold}-of-{row.parties}",
            f"{row.size:,}",
            str(point.delay_ms),
            f"{row.seconds:.4f}",
            f"{row.per_value * 1e9:,.0f}",
            _number(sent),
            _number(row.rounds),
        )
    _print(table)


def show_costs(speeds: Mapping[str, float], costs: Iterable[Cost]) -> None:
    """What is spent and, in nanoseconds, what it takes at least."""
    table = _table(("unit", "parties", "ns", "AES", "memory", "sent", "at least", "times"))
    for each in costs:
        parts = zip(asdict(each.bytes).values(), asdict(each.least_ns).values(), strict=True)
        table.add_row(
            each.unit,
            f"{each.threshold}-of-{each.parties}",
            f"{each.ns:.3f}",
            *(f"{used:.3g} B, {least:.3g} ns" for used, least in parts),
            f"{each.least:.3f}",
            f"{each.ns / each.least:.1f}x",
        )
    _print(table)
    shown = ", ".join(f"{name} {speed / 1e9:.2f} GB/s" for name, speed in speeds.items())
    print(f"Each party, all of them at once: {shown}")


def _table(headings: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in _LEFT else "right", no_wrap=True)
    return table


def _cells(row: Row, rows: Sequence[Row]) -> list[str]:
    times = ratio(rows) if row.system == OURS else None
    differ = len({each.size for each in rows}) > 1  # then times are compared per value
    return [
        row.job,
        f"{row.threshold}-of-{row.parties}" if row.parties else "-",
        f"{row.size:,}" if row.size else "-",
        row.system,
        f"{row.seconds:.4f}",
        f"{row.per_value * 1e9:,.0f}" if differ else "-",
        _number(row.bytes_sent_per_party),
        _number(row.rounds),
        _number(row.peak_rss_mb),
        "-" if times is None else f"{times:.{1 if times >= 1 else 3}f}x",
    ]


def _number(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:,}"


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)
