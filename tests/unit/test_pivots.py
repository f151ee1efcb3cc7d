"""Rows come into order by answers to questions that depend on earlier answers only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.protocols.pivots import Search
from steelyard.randomness import SystemRandomness


def shuffled(count: int) -> np.ndarray:
    return np.argsort(np.frombuffer(SystemRandomness().bytes(8 * count), dtype=np.uint64))


def solved(search: Search, ranks: np.ndarray) -> tuple[int, int]:
    """Answers all questions; how many batches and comparisons it took."""
    batches = comparisons = 0
    while (questions := search.questions())[0].size:
        left, right = questions
        search.answer(ranks[left] < ranks[right])
        batches, comparisons = batches + 1, comparisons + left.size
    return batches, comparisons


@given(count=st.integers(0, 400), batch=st.integers(0, 3000))
def test_all_rows_come_into_order(count: int, batch: int) -> None:
    ranks = shuffled(count)
    search = Search(count, batch)
    solved(search, ranks)
    assert ranks[search.order].tolist() == list(range(count))


@given(count=st.integers(1, 400), batch=st.integers(0, 3000), data=st.data())
def test_wanted_positions_come_out_right(count: int, batch: int, data: st.DataObject) -> None:
    wanted = np.array(data.draw(st.lists(st.integers(0, count - 1), max_size=4)), dtype=np.int64)
    ranks = shuffled(count)
    search = Search(count, batch, wanted)
    solved(search, ranks)
    assert ranks[search.order[wanted]].tolist() == wanted.tolist()
    assert sorted(search.order.tolist()) == list(range(count))


def test_rows_already_in_order_take_more_comparisons_but_come_out_right() -> None:
    search = Search(500, 10)
    solved(search, np.arange(500))
    assert search.order.tolist() == list(range(500))


def typically(count: int, wanted: np.ndarray | None = None) -> tuple[float, float]:
    """Medians of batches and comparisons over many shuffles: of single ones, a tenth takes a fifth more.

    For the bounds below one run in 10^8 is beyond them.
    """
    found = [solved(Search(count, 1 << 14, wanted), shuffled(count)) for _ in range(75)]
    batches, comparisons = np.median(found, axis=0)
    return float(batches), float(comparisons)


@pytest.mark.parametrize(("count", "batches", "each"), [(100, 1, 50), (1000, 3, 33), (10_000, 10, 23)])
def test_few_batches_and_comparisons_are_enough(count: int, batches: int, each: int) -> None:
    taken, comparisons = typically(count)
    assert taken <= batches
    assert comparisons <= each * count


def test_one_position_takes_a_fraction_of_the_comparisons() -> None:
    _, comparisons = typically(10_000, np.array([5000]))
    assert comparisons < 80_000
