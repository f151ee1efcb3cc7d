"""Whom an attempt waits for, by the function that the signed request names, of which it knows no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Patience:
    """`owners`: nobody's reply stands in for a contributor's.  `survivors`: who is left goes on after a failure."""

    owners: bool = False
    survivors: bool = False


USUAL: Final = Patience()
PATIENCE: Final = {
    "ratio": Patience(owners=True),
    "score": Patience(owners=True),
    "train": Patience(survivors=True),
}
