"""A sealed round of set-off, as shares; and the same with slow lines."""

from __future__ import annotations

from typing import Final

from benchmarks.circuit import Circuit
from benchmarks.systems.set_off_program import cleared

DELAY: Final = 0.05  # seconds

JOB: Final = Circuit(
    name="set-off",
    about="a sealed round of SIZE firms, 400 steps, repaired and certified, as shares",
    size=50,
    runs=1,
    program="set-off",
    expected=cleared,
)
DELAYED: Final = Circuit(
    name="set-off-delayed",
    about="the same, every message 50 ms under way",
    size=10,
    runs=1,
    program="set-off",
    expected=cleared,
    delay=DELAY,
)
