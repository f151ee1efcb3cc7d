"""Prefixes of numbers and of bits, and carries, agree with loops."""

from __future__ import annotations

from itertools import accumulate
from operator import and_, or_
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
from steelyard.protocols.prefix import prefix_and, prefix_carries, prefix_or, prefix_sums

HALF = P // 2
bit_rows = st.integers(1, 70).flatmap(
    lambda count: st.lists(st.lists(st.integers(0, 1), min_size=count, max_size=count), min_size=1, max_size=20)
)


@given(values=st.lists(st.one_of(st.integers(0, P - 1), st.just(P - 1)), min_size=1, max_size=200))
def test_prefix_sums_are_exact_in_the_field(values: list[int]) -> None:
    sums = [each % P for each in accumulate(values)]
    assert prefix_sums(np.array(values, dtype=np.uint64)).tolist() == sums
    rows = np.array([values, values[::-1]], dtype=np.uint64)
    assert prefix_sums(rows)[0].tolist() == sums
    assert prefix_sums(rows)[1].tolist() == [each % P for each in accumulate(values[::-1])]


def test_prefix_sums_of_shares_are_shares_of_prefix_sums() -> None:
    ring = Ring.of(3, 2)
    shared = {party: prefix_sums(share) for party, share in ring.share([5, -7, 0, 1 << 58]).items()}
    assert ring.reconstruct(shared) == [5, -2, -2, (1 << 58) - 2]


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=4, deadline=None)
@given(rows=bit_rows)
def test_row_by_row_and_or_take_in_all_rows_before(n: int, k: int, rows: list[list[int]]) -> None:
    ring, count = Ring.of(n, k), len(rows[0])
    for protocol, operation in ((prefix_and, and_), (prefix_or, or_)):
        expected = list(accumulate(rows, lambda x, y, o=operation: [o(a, b) for a, b in zip(x, y, strict=True)]))
        assert ring.opened_bits(protocol, share_bits(ring, rows), count=count).tolist() == expected


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@settings(max_examples=8, deadline=None)
@given(data=st.data(), digits=st.integers(1, 20))
def test_carries_out_of_the_wanted_digits_are_those_of_the_sum(
    n: int, k: int, data: st.DataObject, digits: int
) -> None:
    ring, number = Ring.of(n, k), st.integers(0, (1 << digits) - 1)
    pairs = data.draw(st.lists(st.tuples(number, number), min_size=1, max_size=40))
    wanted = data.draw(st.lists(st.integers(0, digits - 1), min_size=1, max_size=5))
    generate = [[(a & b) >> i & 1 for a, b in pairs] for i in range(digits)]
    propagate = [[(a ^ b) >> i & 1 for a, b in pairs] for i in range(digits)]
    carries = ring.opened_bits(
        lambda circle, g, p: prefix_carries(circle, g, p, wanted),
        share_bits(ring, generate),
        share_bits(ring, propagate),
        count=len(pairs),
    )
    low = [(1 << (digit + 1)) - 1 for digit in wanted]
    assert carries.tolist() == [[int((a & mask) + (b & mask) > mask) for a, b in pairs] for mask in low]


def test_a_tree_takes_one_round_for_every_level_and_half_the_rows() -> None:
    ring, count = Ring.of(3, 2), 640
    bits = share_bits(ring, [[1] * count] * 16)
    assert cost(ring, prefix_or, bits) == (4, 4 * 8 * 3 * count // 8)
    rounds, sent = cost(ring, lambda circle, g: prefix_carries(circle, g, g, [15]), bits)
    assert (rounds, sent) == (4, (2 * 15 - 4) * 3 * count // 8)


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_the_bits(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    assert same_transcript(ring, prefix_or, [(share_bits(ring, [[bit] * 70] * 7),) for bit in (0, 1)])


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    bits = share_bits(ring, [[1, 0]] * 4)
    blames_the_sender(ring, prefix_and, bits)
    blames_the_sender(ring, lambda circle, g: prefix_carries(circle, g, g, [3]), bits)


@pytest.mark.parametrize("wanted", [[], [3], [-1]])
def test_carries_of_digits_that_are_not_there_are_refused(wanted: list[int]) -> None:
    ring = Ring.of(3, 2)

    def carries(circle: Any, bits: Any) -> Any:
        return (yield from prefix_carries(circle, bits, bits, wanted))

    with pytest.raises(Invalid, match="digits that are there"):
        ring.run(carries, share_bits(ring, [[1]] * 3))
