"""What is sealed under one data key, and erased as one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from steelyard.errors import Invalid

KINDS: Final = frozenset({"dataset", "share", "checkpoint", "model", "inbox", "node"})
_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}")


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """A dataset at one version, a stored sharing at one epoch, ...; kind `node` is for the node's own small secrets.

    Raises Invalid for a kind or a word that cannot be part of it.
    """

    kind: str
    name: str
    version: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise Invalid(f"a vault keeps {', '.join(sorted(KINDS))}, not {self.kind[:60]!r}")
        checked(self.name)
        checked(self.version)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}/{self.version}"


def checked(word: str) -> str:
    """A name or version of a unit, or the name of a file in it; raises Invalid."""
    if not _WORD.fullmatch(word):
        raise Invalid(f"{word[:60]!r} cannot name what a vault keeps: letters, digits and _ . @ -, at most 100")
    return word
