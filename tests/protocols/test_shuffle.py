"""A shuffle keeps rows together, and nobody learns where they went."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring
from protocols.columns import columns_of

from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.shuffle import shuffle
from steelyard.rounds import Protocol

HALF = P // 2
COSTS = [(3, 2, 2, 10.7), (4, 2, 2, 12.1), (5, 2, 2, 12.9), (5, 3, 5, 24.1), (7, 4, 11, 55), (9, 5, 29, 133)]
signed = st.one_of(st.sampled_from([0, 1, -1, HALF, -HALF]), st.integers(-HALF, HALF))


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=4, deadline=None)
@given(rows=st.lists(st.tuples(signed, signed), min_size=1, max_size=70))
def test_the_rows_are_the_same_in_another_order(n: int, k: int, rows: list[tuple[int, int]]) -> None:
    ring, (left, right) = Ring.of(n, k), zip(*rows, strict=True)
    left_again, right_again = columns_of(ring, ring.run(shuffle, ring.share(left), ring.share(right)))
    assert Counter(zip(left_again, right_again, strict=True)) == Counter(rows)


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_all_orders_are_equally_likely_and_shuffles_follow_each_other(n: int, k: int) -> None:
    ring, times = Ring.of(n, k), 960

    def often(circle: Circle, row: Vector) -> Protocol[list[Vector]]:
        shuffled = []
        for _ in range(times):
            shuffled += yield from shuffle(circle, row)
        return shuffled

    found = Counter(map(tuple, columns_of(ring, ring.run(often, ring.share([1, 2, 3])))))
    assert set(found) == set(permutations([1, 2, 3]))
    assert sum((each - 160) ** 2 / 160 for each in found.values()) < 56  # 5 degrees of freedom: once in 10^9


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_is_shuffled(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    assert same_transcript(ring, shuffle, [(ring.share(each),) for each in ([0] * 50, [HALF] * 50, list(range(50)))])


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_nothing_that_is_sent_depends_on_the_numbers(n: int, k: int) -> None:
    ring, ones, bits = Ring.of(n, k), 0, 0

    def count(sender: str, receiver: str, round_: object, message: bytes) -> bytes:
        nonlocal ones, bits
        words = np.frombuffer(message, dtype=np.uint64) if len(message) == 8000 else np.zeros(0, np.uint64)
        ones, bits = ones + int(np.unpackbits(words.view(np.uint8)).sum()), bits + 61 * words.size
        return message

    ring.run(shuffle, ring.share([0] * 1000), tamper=count)
    assert bits >= 4 * 61_000
    assert abs(ones / bits - 0.5) < 10 * 0.5 / bits**0.5


@pytest.mark.parametrize(("n", "k", "rounds", "each"), COSTS)
def test_rounds_and_traffic_are_what_the_header_says(n: int, k: int, rounds: int, each: float) -> None:
    ring, count = Ring.of(n, k), 2000
    taken, sent = cost(ring, shuffle, ring.share([1] * count), ring.share([2] * count))
    assert taken == rounds
    assert sent / n / count / 2 < each


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3), (9, 5)])
def test_a_message_of_another_length_names_its_sender(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    blames_the_sender(ring, shuffle, ring.share([1, 2, 3]))


def test_columns_of_different_lengths_are_refused() -> None:
    ring = Ring.of(3, 2)
    with pytest.raises(Invalid, match="of one length"):
        ring.run(shuffle, ring.share([1, 2]), ring.share([1]))
    with pytest.raises(Invalid, match="of one length"):
        ring.run(shuffle)
