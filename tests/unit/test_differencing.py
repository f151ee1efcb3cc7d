"""Two releases over one dataset are over the same inputs or have none in common: nothing singles anybody out."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.errors import DifferencingRefused, GroupTooSmall
from steelyard.privacy.differencing import Release, check


def release(text: str) -> Release:
    """`a1 b1` are the parties a and b with their data in version 1."""
    return frozenset((each[0], each[1:]) for each in text.split())


def test_the_same_inputs_may_be_released_again() -> None:
    check(release("a1 b1 c1"), [release("a1 b1 c1")], 3)


def test_inputs_that_have_all_changed_may_be_released() -> None:
    check(release("a2 b2 c2 d1"), [release("a1 b1 c1")], 3)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a1 b1 c1 d1", "a1 b1 c1"),  # without one party
        ("a1 b1 c1", "a1 b1 c1 d1"),  # with one party more, as after --allow-missing
        ("a1 b1 c1 d1", "a1 b1 c1 d2"),  # only one party has changed
        ("a1 b1 c1 d1", "a2 b2 c2 d1"),  # only one party has not
        ("a1 c1 d1", "a2 b1 d1"),  # a colluder pretends to have changed
    ],
)
def test_overlapping_inputs_are_refused(first: str, second: str) -> None:
    with pytest.raises(DifferencingRefused):
        check(release(second), [release(first)], 3)


def test_three_releases_in_which_a_colluder_changes_its_version_do_not_give_the_others_away() -> None:
    released: list[Release] = []
    for wanted in ("a1 c1 d1", "a2 b1 d1", "a3 b1 c1"):
        try:
            check(release(wanted), released, 3)
            released.append(release(wanted))
        except DifferencingRefused:
            continue
    assert released == [release("a1 c1 d1")]


def test_too_few_parties_are_refused() -> None:
    with pytest.raises(GroupTooSmall):
        check(release("a1 b1"), [], 3)
    with pytest.raises(GroupTooSmall):
        check(release("a1"), [], 1)


def test_a_party_takes_part_with_one_version_only() -> None:
    with pytest.raises(DifferencingRefused):
        check(release("a1 a2 b1 c1"), [], 3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sets(st.integers(0, 4), min_size=3), min_size=1, max_size=8), st.data())
def test_no_coalition_below_the_threshold_can_isolate_a_party(sets: list[set[int]], data: st.DataObject) -> None:
    versions = [data.draw(st.integers(1, 2)) for _ in range(5)]
    released: list[Release] = []
    for members in sets:
        candidate = frozenset((f"p{member}", str(versions[member])) for member in members)
        try:
            check(candidate, released, 3)
        except DifferencingRefused:
            versions = [data.draw(st.integers(1, 4)) for _ in range(5)]
            continue
        released.append(candidate)
    for colluder in range(5):  # k = 2: one colluder, whose data are known in every version
        known = {f"p{colluder}"}
        rest = [frozenset(each for each in one if each[0] not in known) for one in released]
        assert not _isolates(rest)


def _isolates(releases: list[Release]) -> bool:
    """Whether some linear combination of the releases is supported on one party's inputs alone."""
    parties = {party for one in releases for party, _ in one}
    return any(
        _rank(releases, lambda p, party=party: True) > _rank(releases, lambda p, party=party: p != party)
        for party in parties
    )


def _rank(releases: list[Release], keep: object) -> int:
    columns = sorted({each for one in releases for each in one if keep(each[0])})  # type: ignore[operator]
    rows = [[Fraction(each in one) for each in columns] for one in releases]
    rank = 0
    for column in range(len(columns)):
        pivot = next((row for row in range(rank, len(rows)) if rows[row][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for other in range(len(rows)):
            if other != rank and rows[other][column]:
                factor = rows[other][column] / rows[rank][column]
                rows[other] = [x - factor * y for x, y in zip(rows[other], rows[rank], strict=True)]
        rank += 1
    return rank


def test_the_check_of_isolation_itself_finds_the_known_attack() -> None:
    attack = [release("c1 d1"), release("b1 d1"), release("b1 c1")]
    assert _isolates(attack)
    assert not any(_isolates(list(pair)) for pair in combinations([release("a1 b1 c1"), release("a2 b2 c2")], 2))
