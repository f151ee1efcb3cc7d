"""A relay of parts leaves every k-1 parties out at some time, and hands parts over where that is safe."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from steelyard.errors import Invalid
from steelyard.sharing.relay import legs, passes

SIZES = [(3, 2), (4, 2), (5, 2), (10, 2), (5, 3), (6, 3), (9, 3), (7, 4), (9, 5), (10, 5)]


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_every_coalition_misses_a_pass(n: int, k: int) -> None:
    way = passes(n, k)
    assert all(len(set(holders)) == k and set(holders) <= set(range(1, n + 1)) for holders in way)
    for coalition in combinations(range(1, n + 1), k - 1):
        assert any(not set(coalition) & set(holders) for holders in way)


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_one_part_at_a_time_is_handed_over_and_masked_from_its_receiver(n: int, k: int) -> None:
    """Whoever of k-1 parties receives a part from outside: one of those who stay is outside too and knows the mask."""
    for before, after in pairwise(passes(n, k)):
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
        (leaver,), (newcomer,) = set(before) - set(after), set(after) - set(before)
        for coalition in combinations(range(1, n + 1), k - 1):
            if newcomer in coalition and leaver not in coalition:
                assert set(before) & set(after) - set(coalition)


@pytest.mark.parametrize(("n", "k", "hops"), [(3, 2, 1), (4, 2, 1), (5, 3, 3), (7, 4, 9), (9, 5, 27)])
def test_journeys_are_about_equally_long(n: int, k: int, hops: int) -> None:
    assert max(len(way) for way in legs(n, k)) - 1 == hops
    assert min(len(way) for way in legs(n, k)) >= hops - 1


@pytest.mark.parametrize(("n", "k"), [(3, 3), (3, 1), (4, 3), (15, 8)])
def test_what_is_no_relay_is_refused(n: int, k: int) -> None:
    with pytest.raises(Invalid):
        passes(n, k)
