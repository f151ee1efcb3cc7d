"""A random order of rows, from the bytes of a stream: all who have the stream draw the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steelyard.field import BYTES
from steelyard.randomness import Randomness

Order = NDArray[np.int64]  # row i of the result is row order[i]


def random_order(randomness: Randomness, count: int) -> Order:
    """Exactly uniform: the order of random numbers, all drawn anew should two of them be equal."""
    while True:
        numbers = np.frombuffer(randomness.bytes(BYTES * count), dtype="<u8")
        order = np.argsort(numbers)
        drawn = numbers[order]
        if not (drawn[1:] == drawn[:-1]).any():
            return order
