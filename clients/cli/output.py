"""The one door to the terminal: data to stdout, everything said to people to stderr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


def emit(data: Any, *, json: bool) -> None:
    """Prints a mapping or a list of mappings: as one JSON document, or as a table for people."""
    plain = msgspec.to_builtins(data)
    if json:
        print(msgspec.json.encode(plain).decode())
    elif isinstance(plain, Mapping):
        Console().print(_pairs(plain))
    elif isinstance(plain, Sequence) and not isinstance(plain, str):
        Console().print(_rows(plain))
    else:
        print(plain)


def note(text: str) -> None:
    """Says something to people, on stderr."""
    Console(stderr=True, highlight=False).print(text, markup=False, soft_wrap=True)


def _pairs(data: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in data.items():
        table.add_row(key, _text(value))
    return table


def _rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    for name in rows[0] if rows else ():
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    return table


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return str(value)
