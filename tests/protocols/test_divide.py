"""Quotients of shared numbers are exact to the last bit, for all divisors and at the edges of the bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import Ring

from steelyard.errors import Invalid
from steelyard.protocols import divide as division
from steelyard.protocols.circle import Circle
from steelyard.protocols.divide import divide
from steelyard.rounds import Protocol

BOUNDS = [(38, 19, 10), (33, 24, 24), (30, 27, 20), (1, 56, 3), (56, 1, 0), (7, 50, 20)]  # divisor, quotient, fraction


@st.composite
def fractions(draw: st.DrawFn, divisor: int, quotient: int, point: int) -> tuple[int, int]:
    """Dividends of any size, at the bound, and where the quotient is about to change."""
    size = draw(st.integers(0, divisor))
    b = draw(st.one_of(st.integers(0, (1 << size) - 1), st.sampled_from([(1 << size) - 1, 1 << size >> 1])))
    most = max(0, (b << quotient) - 1) >> point
    near = (draw(st.integers(0, (1 << quotient) - 1)) * b >> point) + draw(st.integers(-1, 1))
    a = draw(
        st.one_of(st.integers(0, most), st.sampled_from([0, most, min(1, most)]), st.just(max(0, min(near, most))))
    )
    return draw(st.sampled_from([a, -a])), b


def floors(pairs: list[tuple[int, int]], point: int) -> list[int]:
    return [(a << point) // b if b else 0 for a, b in pairs]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@pytest.mark.parametrize("bounds", BOUNDS)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_quotients_are_floors(n: int, k: int, bounds: tuple[int, int, int], data: st.DataObject) -> None:
    (divisor, quotient, point), ring = bounds, Ring.of(n, k)
    pairs = data.draw(st.lists(fractions(*bounds), min_size=20, max_size=100))
    shared = [ring.share(each) for each in zip(*pairs, strict=True)]
    found = ring.run(lambda circle, a, b: divide(circle, a, b, point, quotient, divisor), *shared)
    assert ring.reconstruct({party: each[0] for party, each in found.items()}) == floors(pairs, point)
    assert ring.reconstruct({party: each[1] for party, each in found.items()}) == [int(b != 0) for _, b in pairs]


def test_a_divisor_of_zero_gives_zero_and_says_so() -> None:
    ring = Ring.of(3, 2)
    found = ring.run(lambda circle, a, b: divide(circle, a, b, 4, 20, 20), ring.share([7, 0, -5]), ring.share([0] * 3))
    assert ring.reconstruct({party: np.concatenate(each) for party, each in found.items()}) == [0] * 6


def test_the_reciprocal_errs_by_no_more_than_the_header_says() -> None:
    """Half a unit of z, which here is exact, is one of the 5 units that are allowed."""
    ring, one = Ring.of(3, 2), division.ONE
    sweep = np.linspace(one // 2, one, 4000).astype(np.int64).tolist()
    values = [one // 2, one // 2 + 1, one - 1, one, round(0.732 * one), *sweep]
    inverses = ring.reconstruct(ring.run(division._reciprocal, ring.share(values)))
    errors = [abs(inverse * z - one * one) / z for z, inverse in zip(values, inverses, strict=True)]
    relative = [error * z / one for error, z in zip(errors, values, strict=True)]
    assert max(relative) <= 4


@pytest.mark.parametrize(("n", "k", "rounds", "further"), [(3, 2, 69, 17), (5, 3, 104, 25)])
def test_rounds_and_traffic_are_what_the_header_says(n: int, k: int, rounds: int, further: int) -> None:
    ring = Ring.of(n, k)
    shared = ring.share([3] * 640), ring.share([5] * 640)
    taken, sent = cost(ring, lambda circle, a, b: divide(circle, a, b, 10, 19, 38), *shared)
    assert taken == rounds
    if n == 3:
        assert sent / n / 640 < 750
    longer, _ = cost(ring, lambda circle, a, b: divide(circle, a, b, 10, 26, 31), *shared)
    assert rounds < longer <= rounds + further


def test_the_transcript_has_the_same_shape_whatever_the_numbers() -> None:
    ring = Ring.of(3, 2)
    inputs = [(ring.share(a), ring.share(b)) for a, b in (([0, 0], [0, 0]), ([5, -5], [1, 1023]), ([0, 9], [0, 8]))]
    assert same_transcript(ring, lambda circle, a, b: divide(circle, a, b, 4, 30, 10), inputs)


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(
        ring, lambda circle, a, b: divide(circle, a, b, 4, 30, 10), ring.share([1, 2]), ring.share([3, 4])
    )


@pytest.mark.parametrize("bounds", [(-1, 10, 10), (58, 10, 10), (0, 0, 10), (0, 10, 0), (0, 40, 18)])
def test_bounds_without_room_are_refused(bounds: tuple[int, int, int]) -> None:
    ring = Ring.of(3, 2)

    def divided(circle: Circle, a: Any, b: Any) -> Protocol[Any]:
        return (yield from divide(circle, a, b, *bounds))

    with pytest.raises(Invalid, match="bits of a"):
        ring.run(divided, ring.share([1]), ring.share([1]))
