"""Where the nodes are too few to compare, a lower threshold must be asked for, and nothing else may be."""

from __future__ import annotations

import pytest

from steelyard.errors import Invalid, PolicyRefused
from steelyard.functions.threshold import check, lowered

ENOUGH = [(3, 2, 0), (4, 2, 0), (5, 3, 0)]
TOO_FEW = [(3, 3, 2), (4, 3, 2), (5, 4, 3), (4, 4, 2)]


@pytest.mark.parametrize(("n", "k", "needed"), ENOUGH + TOO_FEW)
def test_too_few_nodes_compute_at_half_of_them(n: int, k: int, needed: int) -> None:
    assert lowered(n, k, multiplies=True) == needed
    assert lowered(n, k, multiplies=False) == 0
    check(needed, n, k, multiplies=True)
    assert n >= 2 * (needed or k) - 1


def test_a_request_that_does_not_say_so_is_refused_with_what_to_do() -> None:
    with pytest.raises(PolicyRefused, match=r"3 of 4 nodes can add up .* threshold 2, .*lower_threshold"):
        check(0, 4, 3, multiplies=True)


@pytest.mark.parametrize(("asked", "n", "k", "multiplies"), [(2, 3, 2, True), (2, 4, 3, False), (3, 4, 4, True)])
def test_no_other_threshold_is_accepted(asked: int, n: int, k: int, multiplies: bool) -> None:
    with pytest.raises(Invalid):
        check(asked, n, k, multiplies=multiplies)


def test_two_nodes_cannot_compare_at_all() -> None:
    with pytest.raises(PolicyRefused, match="at least three"):
        check(0, 2, 2, multiplies=True)
