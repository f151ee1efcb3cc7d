"""Sorting of shared numbers.  MPyC is left out: its sort of 10,000 takes minutes, and does not grow linearly."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.circuit import Circuit
from benchmarks.inputs import keys

JOB: Final = Circuit(
    name="sort",
    about="SIZE shared keys of 40 bits put in order, as shares",
    size=10_000,
    runs=5,
    program="sort",
    expected=lambda size: np.sort(keys(size)),
    peers=("mp-spdz-shamir", "mp-spdz-rep-ring"),
)
