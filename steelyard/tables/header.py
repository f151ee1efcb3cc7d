"""The names of a file's columns, checked against the declared schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from steelyard.errors import Invalid
from steelyard.ids import identifier
from steelyard.tables.schema import MAX_COLUMNS, Schema


def checked(cells: Sequence[str], declared: Schema | None, place: str) -> tuple[str, ...]:
    """The names in the file's order, stripped.  `place` begins the message.  Raises Invalid."""
    names = tuple(each.strip() for each in cells)
    if not names or len(names) > MAX_COLUMNS:
        raise Invalid(f"{place}: between 1 and {MAX_COLUMNS} columns, not {len(names)}")
    for position, name in enumerate(names, 1):
        if not name:
            raise Invalid(f"{place}, column {position}: the header is empty")
        try:
            identifier(name, "column")
        except Invalid as error:
            raise Invalid(f"{place}, column {position}: {error.message}") from None
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise Invalid(f"{place}, column {twice}: this header appears twice")
    if declared is not None:
        _same(names, declared.names, place)
    return names


def _same(names: Sequence[str], declared: Sequence[str], place: str) -> None:
    unknown = [each for each in names if each not in declared]
    if unknown:
        raise Invalid(f"{place}, column {unknown[0]}: the schema declares no such column")
    missing = [each for each in declared if each not in names]
    if missing:
        raise Invalid(f"{place}, column {missing[0]}: declared in the schema but missing")
