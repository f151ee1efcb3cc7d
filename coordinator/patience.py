"""How long a computation may take, and whether it is worth while without a node, by its function.

What the functions do the coordinator need not know (and may not import): it knows that some take long.
"""

from __future__ import annotations

from typing import Final

from coordinator.config import Timing

_TIMES: Final = {"train": 60}  # of `timing.computation`
_GOES_ON: Final = frozenset({"train"})


def seconds_for(function: str, timing: Timing) -> float:
    """From approval to the end, all attempts together."""
    return timing.computation * _TIMES.get(function, 1)


def goes_on_without(function: str) -> bool:
    """Whether the others can finish, at any length, when a node is lost in the midst of it."""
    return function in _GOES_ON
