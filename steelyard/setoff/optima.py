"""What can be set off in the presets at seed 7, from the reference; a test computes it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Optimum:
    """In minor units."""

    pairs: int
    total: int
    cleared: int


OPTIMA: Final[Mapping[str, Optimum]] = {
    "club-10": Optimum(24, 8_465_010, 2_027_528),
    "club-30": Optimum(95, 23_070_290, 8_272_353),
    "club-100": Optimum(587, 190_253_988, 62_974_833),
    "core-500": Optimum(2_264, 539_618_044, 99_834_125),
    "region-5000": Optimum(24_748, 4_521_624_715, 573_442_048),
}
