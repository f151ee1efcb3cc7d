"""The index of concentration is right to six decimals whatever the size of the numbers, at the cost of its header."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import Ring

from steelyard.protocols.circle import Circle
from steelyard.protocols.herfindahl import herfindahl

ROWS = 6
MOST = (2**59 - 1) // ROWS
sizes = st.sampled_from([1, 3, 100, 10**6, 2**33, 2**34 - 1, 2**40, MOST])
columns = sizes.flatmap(
    lambda top: st.lists(st.one_of(st.integers(0, top), st.sampled_from([0, top])), min_size=6, max_size=6)
)
EDGES = [[0] * 6, [0] * 5 + [1], [MOST] * 6, [MOST] * 5 + [1], [1] * 6, [0, 0, 0, 1, 1, 1], [MOST, 0, 0, 0, 0, 0]]


def indices(ring: Ring, table: list[list[int]]) -> list[tuple[int, int]]:
    """(millionths, whether there is one) of every column."""
    numbers = ring.share(np.array(table, dtype=np.int64).T.reshape(-1))
    total = ring.share([sum(column) for column in table])
    found = ring.run(lambda circle, x, t: herfindahl(circle, x.reshape(ROWS, -1), t), numbers, total)
    index, defined = (ring.reconstruct({party: each[i] for party, each in found.items()}) for i in (0, 1))
    return list(zip(index, defined, strict=True))


@pytest.mark.parametrize(("n", "k"), [(3, 2), (4, 2), (5, 3)])
@settings(max_examples=4, deadline=None)
@given(table=st.lists(columns, min_size=10, max_size=30))
def test_the_index_errs_by_less_than_three_quarters_of_its_last_decimal(n: int, k: int, table: list[list[int]]) -> None:
    table += EDGES
    for column, (index, defined) in zip(table, indices(Ring.of(n, k), table), strict=True):
        assert defined == any(column)
        exact = sum(Fraction(each, sum(column)) ** 2 for each in column) if defined else 0
        assert abs(index - 10**6 * exact) < Fraction(3, 4)


def run(circle: Circle, numbers: np.ndarray, total: np.ndarray) -> object:
    return herfindahl(circle, numbers.reshape(ROWS, -1), total)


@pytest.mark.parametrize(("n", "k", "rounds"), [(3, 2, 102), (5, 3, 147)])
def test_rounds_and_traffic_are_what_the_header_says(n: int, k: int, rounds: int) -> None:
    ring = Ring.of(n, k)
    taken, sent = cost(ring, run, ring.share([5] * 640 * ROWS), ring.share([30] * 640))
    assert taken == rounds
    if n == 3:
        assert sent / n / (640 * ROWS) < 800


def test_the_transcript_has_the_same_shape_whatever_the_numbers() -> None:
    ring = Ring.of(3, 2)
    inputs = [(ring.share([each] * 70 * ROWS), ring.share([each * ROWS] * 70)) for each in (0, 1, MOST)]
    assert same_transcript(ring, run, inputs)


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(ring, run, ring.share([1, 2, 3, 0, 0, 4]), ring.share([10]))
