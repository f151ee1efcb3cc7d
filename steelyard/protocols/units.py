"""Units: a long share is dealt piece by piece, so that n vectors of one piece are in memory, and not of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from steelyard.digest import digest

UNIT: Final = 1 << 18  # values


def units(size: int) -> Iterator[tuple[slice, str]]:
    """Where each unit lies, and its name for `about`."""
    for start in range(0, size, UNIT):
        yield slice(start, min(start + UNIT, size)), str(start)


def about(context: str, what: str, unit: str) -> str:
    """The context of the dealings of one unit: hex digest."""
    return digest("unit", bytes.fromhex(context), what.encode(), unit.encode()).hex()


def joined(digests: Iterable[str]) -> str:
    return digest("joined", *map(bytes.fromhex, digests)).hex()
