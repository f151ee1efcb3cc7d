"""The low bits and the wraps of a bounded number are right however it is split into parts."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring
from protocols.shared_bits import pack, share_bits

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.ids import PartyId
from steelyard.protocols import parts
from steelyard.protocols.digits import Digits, compare_digits, differing_bits, low_parts
from steelyard.sharing import shamir

TOP = (1 << 60) - 1
EDGES = [0, 1, 2, TOP, TOP - 1, 1 << 59, (1 << 59) - 1]
PARTS = [0, 1, 2, TOP, TOP + 1, P - 1, P - 2, 1 << 59, 3 << 59]  # the highest bits set and not, all ones but one
bounded = st.one_of(st.sampled_from(EDGES), st.integers(0, TOP), st.integers(0, 100))


def split(ring: Ring, values: list[int], known: list[list[int]]) -> dict[PartyId, Vector]:
    """Shares of `values` whose weighted shares at all adders but the last are `known`, (adders - 1, count)."""
    points = list(ring.consortium.points.values())
    adders = points[: ring.consortium.threshold]
    weights = shamir.lagrange(adders)
    given_ = {0: np.array(values, dtype=np.uint64)}
    for x, weight, part in zip(adders, weights, known, strict=False):
        given_[x] = field.scale(pow(weight, -1, P), np.array(part, dtype=np.uint64))
    return {
        party: given_[x] if x in given_ else shamir.evaluate(given_, x) for party, x in ring.consortium.points.items()
    }


@pytest.mark.parametrize(("k", "b"), [(2, 8), (3, 6), (4, 5), (5, 4)])
def test_the_highest_bits_of_the_parts_tell_the_wraps(k: int, b: int) -> None:
    """All parts there are, modulo a small 2^b - 1, where the highest h bits exist."""
    small, h = (1 << b) - 1, 1 + (k - 2).bit_length()
    if h > b - 1:
        pytest.skip("too small a number")
    w = np.stack(np.meshgrid(*[np.arange(small)] * k)).reshape(k, -1)
    total, highest = w.sum(axis=0), (w >> (b - h)).sum(axis=0)
    y, wraps = total % small, total // small
    fits = y < 1 << (b - 1)
    assert np.array_equal(((highest + k - 1) >> h)[fits], wraps[fits])
    for d in range(1, b):
        carried = ((w & ((1 << d) - 1)).sum(axis=0) + wraps) >> d
        assert np.array_equal((w >> d).sum(axis=0) - (wraps << (b - d)) + carried, y >> d)


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_every_edge_among_the_parts_comes_out_right(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    cases = list(product(EDGES, *[PARTS] * (k - 1)))
    values = [value for value, *_ in cases]
    known = [[case[1 + j] for case in cases] for j in range(k - 1)]
    shared = split(ring, values, known)
    last = [(value - sum(each)) % P for value, *each in cases]
    bits = ring.opened_bits(lambda circle, y: parts.low_bits(circle, y, 60), shared, count=len(cases))
    assert np.array_equal(bits, [[value >> i & 1 for value in values] for i in range(60)])
    for width in (1, 4, 31, 59):
        bits = ring.opened_bits(
            lambda circle, y, width=width: parts.wraps_and_carries(circle, y, width), shared, count=len(cases)
        )
        wraps = [(sum(case[1:]) + end) // P for case, end in zip(cases, last, strict=True)]
        low = [sum(each % (1 << width) for each in (*case[1:], end)) for case, end in zip(cases, last, strict=True)]
        assert bits[: k - 1].sum(axis=0).tolist() == wraps
        assert bits[k - 1 :].sum(axis=0).tolist() == [(x + t) >> width for x, t in zip(low, wraps, strict=True)]


@pytest.mark.parametrize(("n", "k"), [*SIZES, (11, 6)])
@settings(max_examples=2, deadline=None)
@given(values=st.lists(bounded, min_size=1, max_size=150), stretch=st.tuples(st.integers(0, 59), st.integers(1, 60)))
def test_any_stretch_of_bits_is_that_of_the_number(n: int, k: int, values: list[int], stretch: tuple[int, int]) -> None:
    ring, values = Ring.of(n, k), values + EDGES
    first, width = min(stretch[0], stretch[1] - 1), stretch[1]
    bits = ring.opened_bits(
        lambda circle, y: parts.low_bits(circle, y, width, first), ring.share(values), count=len(values)
    )
    assert np.array_equal(bits, [[value >> i & 1 for value in values] for i in range(first, width)])


def test_long_vectors_take_the_way_with_less_traffic_and_come_out_the_same() -> None:
    ring = Ring.of(3, 2)
    values = np.resize(np.array([*EDGES, *range(100)], dtype=np.int64), parts.MANY)
    bits = ring.opened_bits(lambda circle, y: parts.low_bits(circle, y, 60), ring.share(values), count=len(values))
    assert np.array_equal(bits, values >> np.arange(60)[:, None] & 1)


@settings(max_examples=5, deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(0, 511), st.integers(0, 511)), min_size=1, max_size=70))
def test_digits_are_compared_and_their_low_parts_too(pairs: list[tuple[int, int]]) -> None:
    ring, digits, (u, v) = Ring.of(3, 2), Digits((1, 4, 3, 1)), zip(*pairs, strict=True)
    codes = []
    for numbers, code in ((u, digits.one_hot), (v, digits.thermometer)):
        rows = code(pack([[each >> i & 1 for each in numbers] for i in range(9)]))
        bits = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")[:, : len(pairs)]
        codes.append(share_bits(ring, bits.tolist()))

    def everything(circle: Any, one: Any, other: Any) -> Any:
        lows = low_parts(digits, one, other)
        found = [*(yield from compare_digits(circle, digits, one, other)), *(yield from compare_digits(circle, *lows))]
        return np.concatenate([*found, differing_bits(digits, one, other)], axis=1)

    rows = ring.opened_bits(everything, *codes, count=len(pairs)).tolist()
    cuts = [(0, 1), (1, 4), (5, 3), (8, 1)], [(1, 1), (1, 2), (1, 3), (5, 1), (5, 2)]
    expected = []
    for stretches in cuts:
        sides = [[(x >> f) % (1 << w) for x in numbers] for f, w in stretches for numbers in (u, v)]
        both = list(zip(sides[::2], sides[1::2], strict=True))
        expected += [[int(a < b) for a, b in zip(*each, strict=True)] for each in both]
        expected += [[int(a == b) for a, b in zip(*each, strict=True)] for each in both]
    assert rows == [*expected, *([(a ^ b) >> i & 1 for a, b in pairs] for i in range(9))]


@pytest.mark.parametrize(
    ("n", "k", "width", "rounds", "limit"), [(3, 2, 60, 7, 46), (3, 2, 28, 6, 21), (3, 2, 12, 5, 9), (5, 3, 60, 9, 121)]
)
def test_rounds_and_traffic_are_what_the_headers_say(n: int, k: int, width: int, rounds: int, limit: int) -> None:
    ring = Ring.of(n, k)
    taken, sent = cost(ring, lambda circle, y: parts.low_bits(circle, y, width), ring.share([3] * 640))
    assert taken == rounds
    assert sent / n / 640 < limit
    assert cost(ring, parts.wraps, ring.share([3] * 64))[0] == (2 if k == 2 else 4)


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_the_numbers(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    inputs = [(ring.share(values),) for values in ([0] * 70, [TOP] * 70, list(range(70)))]
    assert same_transcript(ring, lambda circle, y: parts.low_bits(circle, y, 20), inputs)


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_a_message_of_another_length_names_its_sender(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    blames_the_sender(ring, lambda circle, y: parts.low_bits(circle, y, 20), ring.share([1, 2, 3]))


@pytest.mark.parametrize(("width", "first"), [(0, 0), (61, 0), (5, 5), (5, -1)])
def test_bits_that_are_not_there_are_refused(width: int, first: int) -> None:
    with pytest.raises(Invalid, match="bits 0 to 59"):
        Ring.of(3, 2).run(lambda circle, y: parts.low_bits(circle, y, width, first), Ring.of(3, 2).share([1]))
