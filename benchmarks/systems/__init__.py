"""Who can do an exercise: each opens it as a contestant, with one process per party on the loopback."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from benchmarks.measure import Contestant, Setting
from benchmarks.systems import mpyc, steelyard

if TYPE_CHECKING:
    from benchmarks.exercise import Exercise

SYSTEMS: Final[dict[str, Callable[[Exercise, Setting], AbstractContextManager[Contestant]]]] = {
    "steelyard": steelyard.stand_ready,
    "mpyc": mpyc.stand_ready,
}
