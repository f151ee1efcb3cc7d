"""Comparisons of shared numbers."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.circuit import Circuit
from benchmarks.inputs import Values, operands


def less(size: int) -> Values:
    left, right = operands(size)
    return (left < right).astype(np.int64)


JOB: Final = Circuit(
    name="compare",
    about="SIZE comparisons of shared numbers, as shares of bits",
    size=10_000,
    runs=5,
    program="compare",
    expected=less,
    peers=("mpyc", "mp-spdz-shamir", "mp-spdz-rep-ring"),
    most={"mpyc": 1_000, "mp-spdz-shamir": 100_000},
)
