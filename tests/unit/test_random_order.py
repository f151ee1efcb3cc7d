"""Random orders are uniform, and the same for all who draw from the same stream."""

from __future__ import annotations

from collections import Counter

import numpy as np

from steelyard.randomness import Keystream, SystemRandomness
from steelyard.sharing.random_order import random_order


def test_equal_streams_give_equal_orders() -> None:
    one, other = (random_order(Keystream(b"1" * 32), 1000) for _ in range(2))
    assert np.array_equal(one, other)
    assert sorted(one.tolist()) == list(range(1000))


def test_random_orders_of_four_are_uniform() -> None:
    randomness, times = SystemRandomness(), 7200
    found = Counter(tuple(random_order(randomness, 4).tolist()) for _ in range(times))
    assert len(found) == 24
    assert sum((each - 300) ** 2 / 300 for each in found.values()) < 96  # 23 degrees of freedom: once in 10^9


def test_an_order_is_drawn_anew_when_two_numbers_are_equal() -> None:
    class Twice:
        def __init__(self) -> None:
            self.blocks = [bytearray(16), bytearray((2).to_bytes(8, "little") + (1).to_bytes(8, "little"))]

        def bytes(self, count: int) -> bytearray:
            return self.blocks.pop(0)

    assert random_order(Twice(), 2).tolist() == [1, 0]
