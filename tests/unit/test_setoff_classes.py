"""How many rows firms are filled up to in a skeleton, so that no number of rows is that of a few alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.setoff.book import Book
from steelyard.setoff.classes import filled
from steelyard.setoff.generator import generate
from steelyard.setoff.optima import SEED
from steelyard.setoff.terms import bucket

rows = st.lists(st.sampled_from([4, 8, 16, 32, 64, 512]), max_size=60)


@given(rows=rows, least=st.integers(1, 12))
def test_every_number_of_rows_is_that_of_enough_firms_or_of_all(rows: list[int], least: int) -> None:
    found = filled(rows, least)
    assert all(most >= own for most, own in zip(found, rows, strict=True))
    assert set(found) <= set(rows)
    assert min(Counter(found).values(), default=least) >= min(least, len(rows))


@given(rows=rows, least=st.integers(1, 12))
def test_no_more_firms_are_filled_up_than_are_missing(rows: list[int], least: int) -> None:
    found = filled(rows, least)
    for most in set(found):
        up = sum(own < most for own, now in zip(rows, found, strict=True) if now == most)
        left = sum(own < most for own in rows)
        assert up < least or up == left  # or all that are left, which are too few for themselves
        assert up < 2 * least


def test_firms_that_are_enough_already_stay_as_they_are() -> None:
    assert filled([64, 4, 4, 64, 64, 4], 3) == [64, 4, 4, 64, 64, 4]
    assert filled([64, 4, 8, 4, 4], 2) == [64, 4, 64, 4, 4]
    assert filled([4, 64, 4, 4, 4], 1) == [4, 64, 4, 4, 4]
    assert filled([4, 8], 3) == [8, 8]


@pytest.mark.parametrize(("preset", "apart", "few"), [("club-100", 3, 9), ("core-500", 3, 13)])
def test_what_is_known_of_each_firm_is_true_of_two_others_which_two_numbers_would_not_be(
    preset: str, apart: int, few: int
) -> None:
    """Numbers of docs/decisions/0011-set-off.md: firms that two powers of two single out, or leave with one other."""
    topology = Book.of(generate(preset, SEED)).network.topology
    sides = [np.bincount(each, minlength=topology.firms).tolist() for each in (topology.payers, topology.payees)]
    two = Counter((bucket(owed), bucket(owing)) for owed, owing in zip(*sides, strict=True))
    assert sum(firms for firms in two.values() if firms == 1) == apart
    assert sum(firms for firms in two.values() if firms < 3) == few
    one = [bucket(max(each)) for each in zip(*sides, strict=True)]
    assert min(Counter(filled(one, 3)).values()) >= 3
