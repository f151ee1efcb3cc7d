"""Bits become numbers, sums and products without anybody seeing one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring
from protocols.shared_bits import share_bits

from steelyard.errors import Invalid
from steelyard.field import P
from steelyard.protocols.bit_to_field import bits_times, to_field, weighted_sums
from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol

HALF = P // 2
EDGES = [0, 1, -1, HALF, -HALF, 1 << 59]
bit_rows = st.integers(1, 130).flatmap(
    lambda count: st.lists(st.lists(st.integers(0, 1), min_size=count, max_size=count), min_size=1, max_size=3)
)


def centred(value: int) -> int:
    return (value + HALF) % P - HALF


@pytest.mark.parametrize(("n", "k"), [*SIZES, (15, 8)])
@settings(max_examples=5, deadline=None)
@given(rows=bit_rows)
def test_a_bit_becomes_zero_or_one(n: int, k: int, rows: list[list[int]]) -> None:
    ring, count = Ring.of(n, k), len(rows[0])
    shares = ring.run(lambda circle, bits: to_field(circle, bits, count), share_bits(ring, rows))
    assert all(each.shape == (len(rows), count) for each in shares.values())
    opened = ring.reconstruct({party: share.ravel() for party, share in shares.items()})
    assert opened == [bit for row in rows for bit in row]


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=5, deadline=None)
@given(rows=bit_rows, numbers=st.lists(st.integers(-HALF, HALF), min_size=1, max_size=5))
def test_a_number_times_a_bit_is_the_number_or_zero(n: int, k: int, rows: list[list[int]], numbers: list[int]) -> None:
    ring, bits = Ring.of(n, k), [bit for row in rows for bit in row]
    columns = [np.resize([*EDGES, *numbers], len(bits)), np.resize([*numbers, *EDGES], len(bits))]
    shares = ring.run(
        lambda circle, mine, x, y: bits_times(circle, mine, [x, y]),
        share_bits(ring, rows),
        *(ring.share(column) for column in columns),
    )
    for index, column in enumerate(columns):
        opened = ring.reconstruct({party: share[index] for party, share in shares.items()})
        assert opened == [int(x) if bit else 0 for x, bit in zip(column, bits, strict=True)]


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=5, deadline=None)
@given(rows=bit_rows, weights=st.lists(st.integers(-HALF, HALF), min_size=6, max_size=6))
def test_sums_of_bits_have_their_weights_and_what_the_adders_know(
    n: int, k: int, rows: list[list[int]], weights: list[int]
) -> None:
    ring, count = Ring.of(n, k), len(rows[0])
    matrix = [weights[: len(rows)], weights[3 : 3 + len(rows)]]

    def summed(circle: Circle, bits: Any) -> Protocol[Any]:
        known = np.full(2 * count, 5, dtype=np.uint64) if circle.me in circle.adders else None
        return (yield from weighted_sums(circle, bits, count, matrix, known))

    shares = ring.run(summed, share_bits(ring, rows))
    opened = ring.reconstruct({party: share.ravel() for party, share in shares.items()})
    sums = [
        [5 * k + sum(w * row[i] for w, row in zip(each, rows, strict=True)) for i in range(count)] for each in matrix
    ]
    assert opened == [centred(value) for each in sums for value in each]


@pytest.mark.parametrize(("n", "k", "rounds"), [(3, 2, 2), (5, 3, 3), (7, 4, 3), (9, 5, 4)])
def test_rounds_and_traffic_are_what_the_header_says(n: int, k: int, rounds: int) -> None:
    ring, count = Ring.of(n, k), 600
    bits, numbers = share_bits(ring, [[1] * count]), ring.share([7] * count)
    of_bits = cost(ring, lambda circle, mine: to_field(circle, mine, count), bits)
    of_products = cost(ring, lambda circle, mine, x: bits_times(circle, mine, [x]), bits, numbers)
    assert of_bits[0] == of_products[0] == rounds
    if k == 2:
        assert (of_bits[1], of_products[1]) == (8 * 5 * count, 8 * 7 * count)


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_the_bits(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    inputs = [(share_bits(ring, rows),) for rows in ([[0] * 70], [[1] * 70], [[0, 1] * 35])]
    assert same_transcript(ring, lambda circle, bits: to_field(circle, bits, 70), inputs)


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_a_message_of_another_length_names_its_sender(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    blames_the_sender(ring, lambda circle, bits: to_field(circle, bits, 3), share_bits(ring, [[0, 1, 1]]))


def test_what_does_not_fit_together_is_refused() -> None:
    ring = Ring.of(3, 2)
    bits, numbers = share_bits(ring, [[1] * 3, [0] * 3]), ring.share([1] * 5)
    with pytest.raises(Invalid, match="another number of instances"):
        ring.run(lambda circle, mine: to_field(circle, mine, 65), bits)
    with pytest.raises(Invalid, match="as many numbers"):
        ring.run(lambda circle, mine, x: bits_times(circle, mine, [x]), bits, numbers)
    with pytest.raises(Invalid, match="one weight for every row"):
        ring.run(lambda circle, mine: weighted_sums(circle, mine, 3, [[1]]), bits)
