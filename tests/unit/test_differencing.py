"""The rules against differencing, against brute force and by example."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.errors import DifferencingRefused, GroupTooSmall
from steelyard.privacy.differencing import P, Release, check, singled_out


def release(*parties: str, version: str = "1") -> Release:
    """`a` is a's data in `version`, `a2` its data in version 2."""
    return frozenset((each[0], each[1:] or version) for each in parties)


def test_a_first_release_over_enough_parties_is_allowed() -> None:
    check(release("a", "b", "c"), [], 3)


def test_a_group_below_the_minimum_is_too_small() -> None:
    with pytest.raises(GroupTooSmall):
        check(release("a", "b"), [], 3)
    with pytest.raises(GroupTooSmall):
        check(release("a"), [], 1)
    with pytest.raises(GroupTooSmall):
        check(frozenset(), [], 0)


def test_the_same_release_again_says_nothing_new() -> None:
    check(release("a", "b", "c"), [release("a", "b", "c")], 3)


@pytest.mark.parametrize(
    "later",
    [release("a", "b", "c"), release("a", "b", "c", "d2"), release("a2", "b2", "c", "d"), release("a", "b", "c2")],
)
def test_releases_that_differ_in_few_parties_are_refused(later: Release) -> None:
    with pytest.raises(DifferencingRefused, match="differs in the data"):
        check(later, [release("a", "b", "c", "d")], 3)


def test_the_order_of_the_two_does_not_matter() -> None:
    with pytest.raises(DifferencingRefused):
        check(release("a", "b", "c", "d"), [release("a", "b", "c")], 3)


def test_new_data_of_enough_parties_make_a_new_total() -> None:
    before = release("a", "b", "c", "d")
    check(release("a2", "b2", "c2", "d"), [before], 3)
    check(release("a2", "b2", "c2"), [before], 3)


def test_disjoint_groups_do_not_disturb_each_other() -> None:
    check(release("d", "e", "f"), [release("a", "b", "c")], 3)


def test_a_party_in_two_versions_is_refused() -> None:
    with pytest.raises(DifferencingRefused, match="two versions"):
        check(release("a", "a2", "b", "c"), [], 3)


def test_combinations_of_releases_that_single_one_party_out_are_refused() -> None:
    # abcd + aefg - bcdefg = 2a, and every pair of the three differs in six parties.
    earlier = [release("a", "b", "c", "d"), release("a", "e", "f", "g")]
    with pytest.raises(DifferencingRefused, match="single out"):
        check(release("b", "c", "d", "e", "f", "g"), earlier, 3)
    check(release("b", "c", "d", "e", "f", "h"), earlier, 3)


def test_a_combination_over_two_versions_of_one_party_counts_as_that_party() -> None:
    # (a1 + bcd) - (a2 + efg) - (bcd + hij) + (efg + hij) = a1 - a2: how a's data changed.
    rows = [
        release("a1", "b", "c", "d"),
        release("a2", "e", "f", "g"),
        release("b", "c", "d", "h", "i", "j"),
        release("e", "f", "g", "h", "i", "j"),
    ]
    assert singled_out(rows) == {"a"}
    assert singled_out(rows[:3]) == frozenset()


def test_unrelated_history_does_not_count_towards_the_limit() -> None:
    far = [frozenset((f"{party}{day}", "1") for party in "xyz") for day in range(500)]
    check(release("a", "b", "c"), far, 3)


def test_too_many_related_releases_are_refused_rather_than_unchecked() -> None:
    day = [release("a", "b", "c", "d", version="0")]
    day += [frozenset({("a", "0"), *((f"{party}{n}", "1") for party in "xyz")}) for n in range(128)]
    with pytest.raises(DifferencingRefused, match="more than 128"):
        check(release("a", "f", "g", "h", version="0"), day, 3)


def naive_rank(rows: list[list[int]]) -> int:
    rows, rank = [list(row) for row in rows], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column] % P), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        inverse = pow(rows[rank][column], -1, P)
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] * inverse
            rows[i] = [(x - factor * y) % P for x, y in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


inputs = st.tuples(st.sampled_from("abcde"), st.sampled_from("12"))


@settings(deadline=None)
@given(st.lists(st.frozensets(inputs, min_size=1, max_size=6), min_size=1, max_size=7))
def test_who_is_singled_out_follows_from_the_ranks(releases: list[Release]) -> None:
    everything = sorted(frozenset().union(*releases))
    rank = naive_rank([[int(each in row) for each in everything] for row in releases])
    expected = set()
    for party in "abcde":
        others = [each for each in everything if each[0] != party]
        without = naive_rank([[int(each in row) for each in others] for row in releases]) if others else 0
        if without < rank:
            expected.add(party)
    assert singled_out(releases) == expected


@settings(deadline=None, max_examples=50)
@given(st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=3), max_size=6))
def test_what_is_let_through_never_singles_anybody_out(groups: list[frozenset[str]]) -> None:
    let_through: list[Release] = []
    for group in groups:
        try:
            check(release(*group), let_through, 3)
        except DifferencingRefused:
            continue
        let_through.append(release(*group))
    for one, other in combinations(set(let_through), 2):
        assert len(one ^ other) >= 3
    assert not let_through or singled_out(let_through) == frozenset()
