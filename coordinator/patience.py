"""Whom an attempt waits for and how long, by the function that the signed request names, of which it knows no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Patience:
    """`owners`: nobody's reply stands in for a contributor's.  `survivors`: who is left goes on after a failure.

    `times`: of what the configuration allows a computation, for those of many rounds.
    """

    owners: bool = False
    survivors: bool = False
    times: int = 1


USUAL: Final = Patience()
PATIENCE: Final = {
    "ratio": Patience(owners=True),
    "score": Patience(owners=True),
    "train": Patience(survivors=True, times=60),
}
