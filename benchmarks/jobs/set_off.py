"""Rounds of set-off, as shares: sealed, and as a skeleton; and a shorter one with fast and with slow lines."""

from __future__ import annotations

from functools import partial
from typing import Final

from benchmarks.circuit import Circuit
from benchmarks.systems.set_off_program import SHORT, cleared
from benchmarks.systems.skeleton_program import enough

DELAY: Final = 0.05  # seconds

JOB: Final = Circuit(
    name="set-off",
    about="a sealed round of SIZE firms, 400 steps, repaired and certified, as shares",
    size=50,
    runs=1,
    program="set-off",
    expected=cleared,
)
SKELETON: Final = Circuit(
    name="set-off-skeleton",
    about="a skeleton round of SIZE firms, from what they say to what each is told, as shares",
    size=500,
    runs=1,
    program="set-off-skeleton",
    expected=enough,
)
NEAR: Final = Circuit(
    name="set-off-short",
    about="a sealed round of SIZE firms, 100 steps",
    size=10,
    runs=1,
    program="set-off-short",
    expected=partial(cleared, schedule=SHORT),
)
DELAYED: Final = Circuit(
    name="set-off-delayed",
    about="the same, every message 50 ms under way",
    size=10,
    runs=1,
    program="set-off-short",
    expected=partial(cleared, schedule=SHORT),
    delay=DELAY,
)
