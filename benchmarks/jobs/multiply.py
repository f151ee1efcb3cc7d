"""Products of shared numbers."""

from __future__ import annotations

from typing import Final

from benchmarks.circuit import Circuit
from benchmarks.inputs import Values, operands


def products(size: int) -> Values:
    left, right = operands(size)
    return left * right


JOB: Final = Circuit(
    name="multiply",
    about="SIZE products of shared numbers, as shares",
    size=100_000,
    runs=5,
    program="multiply",
    expected=products,
    peers=("mpyc", "mp-spdz-shamir", "mp-spdz-rep-ring"),
    most={"mpyc": 100_000},
)
