"""Vectors of real numbers as whole numbers that add up without overflow: nothing wraps, nothing is cut off."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.fixedpoint import aggregate_bound
from steelyard.learning.asking import Ask, Floats, checked

MOST_BITS: Final = 40  # behind the point
LEAST_BITS: Final = 4


def scale(bound: float, parties: int) -> float:
    """The power of two by which values up to `bound` are multiplied so that `parties` of them stay below 2^59.

    Raises Invalid where less than 4 bits would be left behind the point.
    """
    if not 0 < bound < math.inf:
        raise Invalid("a bound is a positive number")
    bits = min(MOST_BITS, math.floor(math.log2(aggregate_bound(parties) / bound)) - 1)
    if bits < LEAST_BITS:
        raise Invalid("numbers of this size cannot be added up with enough precision")
    return 2.0**bits


def encode(ask: Ask, scale: float, parties: int) -> NDArray[np.int64]:
    """The values times the scale, rounded.  Raises Invalid for values beyond the ask's bound, and without head-room."""
    if ask.bound * scale + 1 >= aggregate_bound(parties):
        raise Invalid(f"{ask.name} would not fit: its bound is too large for {parties} parties")
    return np.rint(checked(ask) * scale).astype(np.int64)


def decode(total: NDArray[np.int64], scale: float) -> Floats:
    decoded: Floats = total / scale
    return decoded
