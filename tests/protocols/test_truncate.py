"""Division by public numbers is exact, whatever the sign and however the number is shared."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring
from protocols.test_parts import PARTS, split

from steelyard.errors import Invalid
from steelyard.field import P
from steelyard.protocols.truncate import divide_by_public, rescale, truncate
from steelyard.sharing import shamir

MOST = (1 << 59) - 1
EDGES = [0, 1, -1, 2, -2, MOST, -MOST, 1 - MOST, 1 << 58, -(1 << 58), (1 << 20) - 1, -(1 << 20), -(1 << 20) - 1]
signed = st.one_of(st.sampled_from(EDGES), st.integers(-MOST, MOST), st.integers(-100, 100))


@pytest.mark.parametrize(("n", "k"), [*SIZES, (11, 6)])
@settings(max_examples=3, deadline=None)
@given(values=st.lists(signed, min_size=1, max_size=100), d=st.one_of(st.integers(0, 59), st.sampled_from([1, 20, 59])))
def test_truncation_is_the_floor_of_the_quotient(n: int, k: int, values: list[int], d: int) -> None:
    ring, values = Ring.of(n, k), values + EDGES
    shares = ring.run(lambda circle, x: truncate(circle, x, d), ring.share(values))
    assert ring.reconstruct(shares) == [value >> d for value in values]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_truncation_is_exact_for_every_edge_among_the_parts(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    cases = list(product(EDGES, *[PARTS] * (k - 1)))
    weights = shamir.lagrange(list(ring.consortium.points.values())[:k])  # the offset adds weight * 2^59 to a part
    known = [[(case[1 + j] - (weights[j] << 59)) % P for case in cases] for j in range(k - 1)]
    values = [case[0] for case in cases]
    shared = split(ring, [value % P for value in values], known)
    for d in (1, 20, 59):
        shares = ring.run(lambda circle, x, d=d: truncate(circle, x, d), shared)
        assert ring.reconstruct(shares) == [value >> d for value in values]


@pytest.mark.parametrize(("n", "k"), [*SIZES, (11, 6)])
@settings(max_examples=3, deadline=None)
@given(
    values=st.lists(signed, min_size=1, max_size=60),
    divisor=st.one_of(st.integers(1, 1000), st.sampled_from([1, 2, 3, 100, 10**9, 10**16 + 1]), st.just(0)),
)
def test_division_by_any_public_number_is_the_floor_of_the_quotient(
    n: int, k: int, values: list[int], divisor: int
) -> None:
    ring, divisor = Ring.of(n, k), divisor or ((1 << 58) - 1) // k
    near = [q * divisor + e for q in (-3, -2, -1, 1, 2, 1000) for e in (-1, 0, 1)]
    values = [*values, *EDGES, *(each for each in near if abs(each) <= MOST)]
    shares = ring.run(lambda circle, x: divide_by_public(circle, x, divisor), ring.share(values))
    assert ring.reconstruct(shares) == [value // divisor for value in values]


@settings(max_examples=10, deadline=None)
@given(values=st.lists(st.integers(-(1 << 57), 1 << 57), min_size=1, max_size=60), d=st.integers(0, 57))
def test_rescaling_rounds_to_the_nearest_with_halves_up(values: list[int], d: int) -> None:
    ring = Ring.of(3, 2)
    values += [3 << d >> 1, -3 << d >> 1, 1 << d >> 1, -(1 << d >> 1)]
    shares = ring.run(lambda circle, x: rescale(circle, x, d), ring.share(values))
    assert ring.reconstruct(shares) == [(2 * value + (1 << d)) >> (d + 1) for value in values]


@pytest.mark.parametrize(("n", "k", "rounds", "by_hundred"), [(3, 2, (5, 6, 8), 9), (5, 3, (10, 11, 12), 17)])
def test_rounds_and_traffic_are_what_the_header_says(n: int, k: int, rounds: tuple[int, ...], by_hundred: int) -> None:
    ring = Ring.of(n, k)
    shared = ring.share([5] * 640)
    for d, expected in zip((12, 28, 59), rounds, strict=True):
        taken, sent = cost(ring, lambda circle, x, d=d: truncate(circle, x, d), shared)
        assert taken == expected
        if n == 3:
            assert sent / n < (20 + 0.42 * d) * 640 + 65_536
    assert cost(ring, lambda circle, x: divide_by_public(circle, x, 100), shared)[0] == by_hundred


@pytest.mark.parametrize(("d", "rounds"), [(12, 6), (28, 7), (59, 8)])
def test_long_vectors_send_less_and_take_a_round_more(d: int, rounds: int) -> None:
    ring, size = Ring.of(3, 2), 12_000
    taken, sent = cost(ring, lambda circle, x: truncate(circle, x, d), ring.share([5] * size))
    assert taken == rounds
    assert sent / 3 / size < 20 + 0.42 * d


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_the_numbers(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    inputs = [(ring.share(values),) for values in ([0] * 70, [-MOST] * 70, list(range(70)))]
    assert same_transcript(ring, lambda circle, x: truncate(circle, x, 20), inputs)


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_a_message_of_another_length_names_its_sender(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    blames_the_sender(ring, lambda circle, x: truncate(circle, x, 20), ring.share([1, 2, 3]))
    blames_the_sender(ring, lambda circle, x: divide_by_public(circle, x, 20), ring.share([1, 2, 3]))


@pytest.mark.parametrize("d", [-1, 60])
def test_more_bits_than_there_are_cannot_be_dropped(d: int) -> None:
    ring = Ring.of(3, 2)
    for protocol in (truncate, rescale):
        with pytest.raises(Invalid, match="0 to 59 bits"):
            ring.run(lambda circle, x, protocol=protocol: protocol(circle, x, d), ring.share([1]))


@pytest.mark.parametrize("divisor", [0, -3, 1 << 57])
def test_a_divisor_out_of_bounds_is_refused(divisor: int) -> None:
    ring = Ring.of(3, 2)
    with pytest.raises(Invalid, match="below 2\\^58 / k"):
        ring.run(lambda circle, x: divide_by_public(circle, x, divisor), ring.share([1]))
