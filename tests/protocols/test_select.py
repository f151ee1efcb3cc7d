"""Selecting, clamping and looking for the largest agree with plain integers, ties included."""

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
from steelyard.protocols import select
from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol

MOST = (1 << 59) - 1
EDGES = [0, 1, -1, MOST, -MOST, 7, 7]
amounts = st.one_of(st.sampled_from(EDGES), st.integers(-MOST, MOST), st.integers(-3, 3))


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3), (7, 4)])
@settings(max_examples=4, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 1), amounts, amounts), min_size=1, max_size=70))
def test_of_two_vectors_the_bit_the_smaller_or_the_larger_is_taken(
    n: int, k: int, rows: list[tuple[int, int, int]]
) -> None:
    ring, (bits, a, b) = Ring.of(n, k), zip(*rows, strict=True)

    def everything(circle: Circle, bit: Any, x: Any, y: Any) -> Protocol[Any]:
        chosen = yield from select.select(circle, bit, x, y)
        low, high = yield from select.ordered(circle, x, y)
        least, most = (yield from select.minimum(circle, x, y)), (yield from select.maximum(circle, x, y))
        return np.concatenate([chosen, low, high, least, most, (yield from select.absolute(circle, x))])

    opened = ring.reconstruct(ring.run(everything, share_bits(ring, [bits]), ring.share(a), ring.share(b)))
    low, high = [min(x, y) for _, x, y in rows], [max(x, y) for _, x, y in rows]
    assert opened == [*[x if bit else y for bit, x, y in rows], *low, *high, *low, *high, *map(abs, a)]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 2), (5, 3)])
@settings(max_examples=4, deadline=None)
@given(rows=st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=70), public=st.tuples(amounts, amounts))
def test_clamped_numbers_lie_between_the_bounds(
    n: int, k: int, rows: list[tuple[int, int, int]], public: tuple[int, int]
) -> None:
    ring, x = Ring.of(n, k), [row[0] for row in rows]
    low, high = [min(row[1:]) for row in rows], [max(row[1:]) for row in rows]
    opened = ring.reconstruct(ring.run(select.clamp, *map(ring.share, (x, low, high))))
    assert opened == [min(max(each, least), most) for each, least, most in zip(x, low, high, strict=True)]
    least, most = sorted(public)
    opened = ring.reconstruct(ring.run(lambda circle, mine: select.clamp(circle, mine, least, most), ring.share(x)))
    assert opened == [min(max(each, least), most) for each in x]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (4, 2), (5, 3)])
@pytest.mark.parametrize("columns", [1, 2, 3, 7])
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_the_first_of_the_largest_is_found_in_every_row(n: int, k: int, columns: int, data: st.DataObject) -> None:
    ring = Ring.of(n, k)
    rows = data.draw(st.lists(st.lists(amounts, min_size=columns, max_size=columns), min_size=1, max_size=30))
    shared = {party: share.reshape(len(rows), columns) for party, share in ring.share(np.ravel(rows)).items()}

    def everything(circle: Circle, x: Any) -> Protocol[Any]:
        most = yield from select.arg_largest(circle, x)
        least = yield from select.arg_smallest(circle, x)
        return np.concatenate([*most, *least, (yield from select.largest(circle, x))])

    most, least = [max(row) for row in rows], [min(row) for row in rows]
    first_most, first_least = [row.index(max(row)) for row in rows], [row.index(min(row)) for row in rows]
    assert ring.reconstruct(ring.run(everything, shared)) == [*most, *first_most, *least, *first_least, *most]


def test_a_vector_is_one_row() -> None:
    ring = Ring.of(3, 2)
    values = [3, -5, 12, 12, -5]
    assert ring.reconstruct(ring.run(select.smallest, ring.share(values))) == [-5]
    found = ring.run(select.arg_smallest, ring.share(values))
    assert ring.reconstruct({party: np.concatenate(each) for party, each in found.items()}) == [-5, 1]


@pytest.mark.parametrize(("n", "k", "to_select", "with_comparison"), [(3, 2, 2, 8), (5, 3, 3, 12)])
def test_rounds_and_traffic_are_what_the_header_says(n: int, k: int, to_select: int, with_comparison: int) -> None:
    ring, count = Ring.of(n, k), 640
    x, bit = ring.share([5] * count), share_bits(ring, [[1] * count])
    rounds, sent = cost(ring, select.select, bit, x, x)
    assert rounds == to_select
    for protocol in (select.minimum, select.ordered):
        assert cost(ring, protocol, x, x)[0] == with_comparison
    assert cost(ring, select.absolute, x)[0] == with_comparison
    assert cost(ring, lambda circle, mine: select.clamp(circle, mine, 1, 2), x)[0] == with_comparison
    assert cost(ring, select.arg_largest, {party: each[:11] for party, each in x.items()})[0] == 4 * with_comparison
    if k == 2:
        assert sent / n / count < 19


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_the_numbers(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    inputs = [(ring.share(values),) for values in ([0] * 5, [1, 2, 3, 4, 5], [MOST, -MOST, MOST, -MOST, 0])]
    assert same_transcript(ring, select.arg_largest, inputs)


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(ring, select.clamp, *(ring.share(values) for values in ([1, 2], [0, 0], [1, 1])))


def test_what_makes_no_sense_is_refused() -> None:
    ring = Ring.of(3, 2)
    with pytest.raises(Invalid, match="bounds in the wrong order"):
        ring.run(lambda circle, x: select.clamp(circle, x, 2, 1), ring.share([1]))
    with pytest.raises(Invalid, match="at least one number"):
        ring.run(select.largest, ring.share([]))
    with pytest.raises(Invalid, match="different lengths"):
        ring.run(select.minimum, ring.share([1]), ring.share([1, 2]))
