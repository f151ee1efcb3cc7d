"""Quantiles are what sorting in the clear gives, at public and at secret positions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring

from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols import quantile
from steelyard.protocols.circle import Circle
from steelyard.protocols.quantile import (
    MAX_DENOMINATOR,
    least_quantiles,
    median,
    nth,
    position,
    quantiles,
    valid_quantiles,
)
from steelyard.rounds import Protocol

MOST = 2**40 - 1
AT = [Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(2, 3), Fraction(99, 100), Fraction(1)]
keys = st.lists(st.one_of(st.integers(-3, 3), st.sampled_from([MOST, -MOST])), min_size=1, max_size=70)


@pytest.mark.parametrize(
    ("q", "count", "expected"),
    [("1/2", 4, 1), ("1/2", 5, 2), ("0", 9, 0), ("1", 9, 8), ("1/3", 9, 2), ("9/10", 1, 0), ("19/20", 20, 18)],
)
def test_a_quantile_is_the_first_that_enough_are_not_greater_than(q: str, count: int, expected: int) -> None:
    assert position(Fraction(q), count) == expected


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=3, deadline=None)
@given(values=keys)
def test_quantiles_are_those_of_the_sorted_list(n: int, k: int, values: list[int]) -> None:
    ring = Ring.of(n, k)
    found = ring.reconstruct(ring.run(lambda circle, key: quantiles(circle, key, AT, bits=40), ring.share(values)))
    assert found == [sorted(values)[position(q, len(values))] for q in AT]


def test_the_median_of_many_is_the_lower_one_in_the_middle() -> None:
    ring, values = Ring.of(3, 2), [i * i % 2003 for i in range(1000)]
    assert ring.reconstruct(ring.run(median, ring.share(values))) == [sorted(values)[499]]


def test_a_public_number_of_rows_leaves_out_those_at_the_end() -> None:
    ring, values = Ring.of(3, 2), [5, 1, 4, MOST, MOST]
    outputs = ring.run(lambda circle, key: quantiles(circle, key, AT, 40, 3), ring.share(values))
    assert ring.reconstruct(outputs) == [[1, 4, 5][position(q, 3)] for q in AT]


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=3, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(-MOST, MOST) | st.integers(-2, 2), st.booleans()), min_size=1, max_size=70))
def test_rows_that_are_not_valid_do_not_count(n: int, k: int, rows: list[tuple[int, bool]]) -> None:
    rows = [*rows, (7, True)]
    ring, (values, flags) = Ring.of(n, k), zip(*rows, strict=True)
    outputs = ring.run(
        lambda circle, key, valid: valid_quantiles(circle, key, valid, AT, 40), ring.share(values), ring.share(flags)
    )
    real = sorted(value for value, valid in rows if valid)
    assert ring.reconstruct(outputs) == [real[position(q, len(real))] for q in AT]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@pytest.mark.parametrize("count", [1, 2, 64, 65])
def test_the_element_at_a_secret_position(n: int, k: int, count: int) -> None:
    ring, values = Ring.of(n, k), [3 * i - 50 for i in range(count)]
    positions = [0, count - 1, count // 2, -1, count, -(2**58), 2**58]
    found = ring.reconstruct(ring.run(nth, ring.share(values), ring.share(positions)))
    assert found == [values[min(max(each, 0), count - 1)] for each in positions]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@pytest.mark.parametrize("count", [4, 16, 17, 150])
def test_of_many_rows_the_block_is_looked_for_first(
    n: int, k: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantile, "FEW", 3)
    ring, values = Ring.of(n, k), [3 * i - 50 for i in range(count)]
    positions = [*range(0, count, 3), count - 1, -1, count, 2**40]
    found = ring.reconstruct(ring.run(nth, ring.share(values), ring.share(positions)))
    assert found == [values[min(max(each, 0), count - 1)] for each in positions]


@pytest.mark.parametrize("count", range(5))
def test_of_the_least_keys_only_a_share_of_their_number_is_known(count: int) -> None:
    ring, values = Ring.of(3, 2), [MOST, -7, MOST, 5, 5, MOST, 6]
    least = sorted(values)[: max(count, 1)]
    outputs = ring.run(
        lambda circle, key, many: least_quantiles(circle, key, many, AT), ring.share(values), ring.share([count])
    )
    assert ring.reconstruct(outputs) == [least[position(q, len(least))] for q in AT]


def test_a_median_of_a_thousand_takes_a_fraction_of_the_comparisons_of_a_sort() -> None:
    """One shuffle in eleven exceeds this; half of 25 less than once in 10^7."""
    ring, values = Ring.of(3, 2), np.arange(1000)
    runs = [cost(ring, lambda circle, key: median(circle, key, 40), ring.share(values)) for _ in range(25)]
    rounds, sent = np.median(runs, axis=0)
    assert rounds <= 2 + 3 * 9
    assert sent / 3 / 1000 < 700


@pytest.mark.parametrize(("n", "k", "rounds"), [(3, 2, 8), (5, 3, 12)])
def test_picking_takes_a_comparison_and_a_selection(n: int, k: int, rounds: int) -> None:
    ring = Ring.of(n, k)
    assert cost(ring, nth, ring.share(range(100)), ring.share([1, 2]))[0] == rounds


def test_the_transcript_has_the_same_shape_whatever_is_looked_for() -> None:
    ring = Ring.of(3, 2)
    assert same_transcript(ring, _valid, [(ring.share([i] * 9), ring.share([i] * 9)) for i in (0, 1)])


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(ring, _valid, ring.share([2, 0, 1]), ring.share([1, 0, 1]))


def _valid(circle: Circle, key: Vector, valid: Vector) -> Protocol[Vector]:
    return (yield from valid_quantiles(circle, key, valid, AT, 40))


@pytest.mark.parametrize("q", [Fraction(-1, 2), Fraction(3, 2), Fraction(1, MAX_DENOMINATOR + 1)])
def test_what_is_no_quantile_is_refused(q: Fraction) -> None:
    ring = Ring.of(3, 2)
    with pytest.raises(Invalid, match="a quantile is"):
        ring.run(lambda circle, key: quantiles(circle, key, [q]), ring.share([1]))
    with pytest.raises(Invalid, match="a quantile is"):
        ring.run(lambda circle, key: valid_quantiles(circle, key, key, [q], 40), ring.share([1]))
    with pytest.raises(Invalid, match="not so many"):
        ring.run(lambda circle, key: quantiles(circle, key, AT, count=2), ring.share([1]))
