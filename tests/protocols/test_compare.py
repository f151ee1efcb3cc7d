"""Comparisons are right for every sharing and every number, and tell nobody anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.circles import SIZES, Ring, Seen

from steelyard.errors import PolicyRefused
from steelyard.field import P
from steelyard.protocols import compare

HALF = P // 2
EDGES = [0, 1, -1, 2, -2, HALF, -HALF, HALF - 1, 1 - HALF, 1 << 59, -(1 << 59), (1 << 30) - 1, -(1 << 31)]
signed = st.one_of(st.sampled_from(EDGES), st.integers(-HALF, HALF), st.integers(-3, 3))


@pytest.mark.parametrize(("n", "k"), [*SIZES, (15, 8)])
@settings(max_examples=5, deadline=None)
@given(values=st.lists(signed, min_size=1, max_size=200))
def test_the_sign_is_that_of_the_secret(n: int, k: int, values: list[int]) -> None:
    ring, values = Ring.of(n, k), values + EDGES
    bits = ring.opened_bits(compare.negative, ring.share(values), count=len(values))
    assert bits[0].tolist() == [int(each < 0) for each in values]


def test_long_vectors_take_the_way_with_less_traffic_and_come_out_the_same() -> None:
    ring = Ring.of(3, 2)
    values = np.resize(np.array([*EDGES, *range(-50, 50)], dtype=np.int64), compare.MANY)
    bits = ring.opened_bits(compare.negative, ring.share(values), count=len(values))
    assert np.array_equal(bits[0], values < 0)


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@settings(max_examples=10, deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=70))
def test_less_less_equal_and_equal_agree_with_integers(n: int, k: int, pairs: list[tuple[int, int]]) -> None:
    ring, (left, right) = Ring.of(n, k), zip(*pairs, strict=True)
    shared, count = (ring.share(left), ring.share(right)), len(pairs)
    expected = {
        compare.less: [int(a < b) for a, b in pairs],
        compare.less_equal: [int(a <= b) for a, b in pairs],
        compare.equal: [int(a == b) for a, b in pairs],
    }
    for protocol, bits in expected.items():
        assert ring.opened_bits(protocol, *shared, count=count)[0].tolist() == bits


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_is_compared(n: int, k: int) -> None:
    ring, shapes = Ring.of(n, k), []
    for values in ([0] * 100, [HALF] * 100, list(range(-50, 50))):
        seen = Seen()
        ring.run(compare.negative, ring.share(values), seen=seen)
        shapes.append(seen.messages)
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_nothing_that_is_sent_depends_on_the_numbers(n: int, k: int) -> None:
    """Every message of bits is masked by a stream its receiver does not know: half of its bits are ones."""
    ring, ones, bits = Ring.of(n, k), 0, 0

    def count(sender: str, receiver: str, round_: object, message: bytes) -> bytes:
        nonlocal ones, bits
        plane = np.frombuffer(message, dtype=np.uint8)
        ones, bits = ones + int(np.unpackbits(plane).sum()), bits + 8 * len(plane)
        return message

    ring.run(compare.negative, ring.share([0] * 6400), tamper=count)
    assert abs(ones / bits - 0.5) < 10 * 0.5 / bits**0.5


def test_too_few_parties_for_products_are_told_so() -> None:
    ring = Ring.of(3, 3)
    with pytest.raises(PolicyRefused, match="3 of 3 parties can add up but not multiply"):
        ring.run(compare.negative, ring.share([1]))


def test_traffic_is_what_the_header_says() -> None:
    count = compare.MANY
    for (n, k), limit in {(3, 2): 23, (5, 3): 69}.items():
        ring, seen = Ring.of(n, k), Seen()
        ring.run(compare.negative, ring.share([1] * count), seen=seen)
        sent = sum(size for step, *_, size in seen.messages if step != "seeds")
        assert sent / n / count < limit
