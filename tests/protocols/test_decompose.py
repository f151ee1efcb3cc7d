"""Numbers come apart into their bits, signed and unsigned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring

from steelyard.errors import Invalid
from steelyard.protocols import compare
from steelyard.protocols.decompose import decompose, decompose_signed, negative_below

WIDTHS = st.sampled_from([1, 2, 5, 13, 40, 59, 60])


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=4, deadline=None)
@given(width=WIDTHS, data=st.data())
def test_numbers_below_the_bound_give_their_bits(n: int, k: int, width: int, data: st.DataObject) -> None:
    ring, top, half = Ring.of(n, k), (1 << width) - 1, 1 << (width - 1)
    values = [0, 1, top, half, *data.draw(st.lists(st.integers(0, top), max_size=130))]
    bits = ring.opened_bits(lambda circle, a: decompose(circle, a, width), ring.share(values), count=len(values))
    assert np.array_equal(bits, [[value >> i & 1 for value in values] for i in range(width)])
    values = [value - half for value in values]
    bits = ring.opened_bits(lambda circle, a: decompose_signed(circle, a, width), ring.share(values), count=len(values))
    assert np.array_equal(bits, [[value >> i & 1 for value in values] for i in range(width)])


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=4, deadline=None)
@given(size=st.sampled_from([0, 1, 7, 28, 40, 59]), data=st.data())
def test_the_sign_of_a_small_number_is_found_as_that_of_any(n: int, k: int, size: int, data: st.DataObject) -> None:
    ring, most = Ring.of(n, k), (1 << size) - 1
    drawn = data.draw(st.lists(st.integers(-most - 1, most), max_size=130))
    values = [0, -1, most, -most, -most - 1, *drawn]
    bits = ring.opened_bits(lambda circle, a: negative_below(circle, a, size), ring.share(values), count=len(values))
    assert bits[0].tolist() == [int(value < 0) for value in values]


@pytest.mark.parametrize(("n", "k", "rounds"), [(3, 2, (7, 6)), (5, 3, (9, 9))])
def test_rounds_are_what_the_header_says(n: int, k: int, rounds: tuple[int, int]) -> None:
    ring = Ring.of(n, k)
    shared = ring.share([5] * 640)
    assert cost(ring, decompose, shared)[0] == rounds[0]
    assert cost(ring, lambda circle, a: negative_below(circle, a, 59), shared)[0] == rounds[1]


def test_the_sign_of_a_small_number_is_cheaper() -> None:
    ring = Ring.of(3, 2)
    shared = ring.share([5] * 10_000)
    any_, sent = cost(ring, compare.negative, shared)
    for size, rounds, part in ((40, 6, 0.67), (28, 5, 0.5), (12, 4, 0.22)):
        taken, bytes_ = cost(ring, lambda circle, a, size=size: negative_below(circle, a, size), shared)
        assert taken == rounds <= any_
        assert bytes_ < part * sent


@pytest.mark.parametrize(("size", "rounds"), [(40, 5), (28, 4), (12, 3)])
def test_the_sign_of_few_small_numbers_takes_a_round_less(size: int, rounds: int) -> None:
    ring = Ring.of(3, 2)
    taken, _ = cost(ring, lambda circle, a: negative_below(circle, a, size), ring.share([5] * 640))
    assert taken == rounds


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_the_numbers(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    inputs = [(ring.share(values),) for values in ([0] * 70, [-(1 << 19)] * 70, list(range(70)))]
    assert same_transcript(ring, lambda circle, a: decompose_signed(circle, a, 20), inputs)


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(ring, lambda circle, a: negative_below(circle, a, 20), ring.share([1, 2, 3]))


@pytest.mark.parametrize("width", [-1, 0, 61])
def test_bits_that_no_number_has_are_refused(width: int) -> None:
    ring = Ring.of(3, 2)
    for protocol in (decompose, decompose_signed):
        with pytest.raises(Invalid, match="number has"):
            ring.run(lambda circle, a, protocol=protocol: protocol(circle, a, width), ring.share([1]))


@pytest.mark.parametrize("size", [-1, 60])
def test_a_size_out_of_bounds_is_refused(size: int) -> None:
    ring = Ring.of(3, 2)
    with pytest.raises(Invalid, match="size of a number"):
        ring.run(lambda circle, a: negative_below(circle, a, size), ring.share([1]))
