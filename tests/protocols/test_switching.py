"""Networks shuffle where parties are too many for a relay."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import Ring
from protocols.columns import columns_of

from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.shuffle import shuffle
from steelyard.protocols.switching import switch
from steelyard.rounds import Protocol


def _switched(circle: Circle, *columns: Vector) -> Protocol[list[Vector]]:
    return list((yield from switch(circle, np.stack(columns))))


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3), (4, 2)])
@settings(max_examples=4, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=70))
def test_the_rows_are_the_same_in_another_order(n: int, k: int, rows: list[tuple[int, int]]) -> None:
    ring, (left, right) = Ring.of(n, k), zip(*rows, strict=True)
    found = columns_of(ring, ring.run(_switched, ring.share(left), ring.share(right)))
    assert Counter(zip(*found, strict=True)) == Counter(rows)


def test_all_orders_are_equally_likely() -> None:
    ring, times = Ring.of(3, 2), 720

    def often(circle: Circle, row: Vector) -> Protocol[list[Vector]]:
        shuffled = []
        for _ in range(times):
            shuffled += yield from _switched(circle, row)
        return shuffled

    found = Counter(map(tuple, columns_of(ring, ring.run(often, ring.share([1, 2, 3])))))
    assert set(found) == set(permutations([1, 2, 3]))
    assert sum((each - 120) ** 2 / 120 for each in found.values()) < 56  # 5 degrees of freedom: once in 10^9


def test_eight_of_fifteen_shuffle_by_networks() -> None:
    ring, values = Ring.of(15, 8), list(range(20))
    (found,) = columns_of(ring, ring.run(shuffle, ring.share(values)))
    assert sorted(found) == values
    assert found != values
    assert cost(ring, shuffle, ring.share(values))[0] == 1 + 8 * 9


def test_the_transcript_has_the_same_shape_whatever_is_switched() -> None:
    ring = Ring.of(3, 2)
    assert same_transcript(ring, _switched, [(ring.share(each),) for each in ([0] * 9, range(9))])


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(ring, _switched, ring.share([1, 2, 3]))
