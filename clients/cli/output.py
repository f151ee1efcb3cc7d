"""The one door to the terminal: data to stdout, everything said to people to stderr.

rich is imported only when something is shown to people; it honours NO_COLOR and leaves colours out of files and pipes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from steelyard.errors import SteelyardError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WHOLE: Final = ("id", "name", "party")  # columns that people copy from
_UNBOUNDED: Final = 10_000  # columns of a pipe or a file: nothing there is folded


def emit(data: Any, *, json: bool) -> None:
    """Prints a mapping or a list of mappings: as one JSON document on a line, or as a table for people."""
    plain = msgspec.to_builtins(data)
    if json:
        print(msgspec.json.encode(plain).decode(), flush=True)
    elif isinstance(plain, Mapping):
        _console().print(_pairs(plain))
    elif isinstance(plain, Sequence) and not isinstance(plain, str):
        _console().print(_rows(plain))
    else:
        print(plain, flush=True)


def note(text: str) -> None:
    """Says something to people, on stderr."""
    _console(stderr=True).print(text, markup=False, soft_wrap=True)


def fail(error: SteelyardError, *, json: bool) -> None:
    """Says what went wrong and what to do next, on stderr; as one JSON document when `json`."""
    if json:
        sys.stderr.write(msgspec.json.encode({"error": described(error)}).decode() + "\n")
        return
    console = _console(stderr=True)
    console.print("error:", style="bold red", end=" ")
    console.print(error.message, markup=False, soft_wrap=True)
    for label, names in (("proven to have cheated", error.culprits), ("one of these cheated", error.suspects)):
        if names:
            console.print(f"  {label}: {', '.join(names)}", markup=False, soft_wrap=True)
    if error.party:
        console.print(f"  party: {error.party}", markup=False, soft_wrap=True)
    if "`steelyard " not in error.message:  # a message that names a command advises better than its class can
        console.print(f"  {error.advice}", style="dim", markup=False, soft_wrap=True)


def described(error: SteelyardError) -> dict[str, Any]:
    """An error as `--json` shows it."""
    return {
        "reason": error.reason,
        "message": error.message,
        "advice": error.advice,
        "party": error.party,
        "culprits": list(error.culprits),
        "suspects": list(error.suspects),
    }


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """A line on stderr that changes in place; yields what changes it.  Silent when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    console = _console(stderr=True)
    with console.status(text, spinner="dots") as status:
        yield status.update


def confirm(question: str) -> bool:
    """Asks a person; True when nobody is there to be asked, because then a script knows what it does."""
    if not sys.stdin.isatty():
        return True
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _UNBOUNDED)


def _pairs(data: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in data.items():
        table.add_row(key, _text(value))
    return table


def _rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in rows[0] if rows else ():
        table.add_column(name, overflow="fold", no_wrap=name in _WHOLE)
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    return table


def _text(value: Any) -> Any:
    from rich.text import Text

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return Text(", ".join(str(each) for each in value))
    return Text("" if value is None else str(value))
