"""Firms that deal numbers from the far end of the field, where a comparison of differences turns round."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from protocols.circles import Ring
from protocols.clubs import Club, debts

from steelyard.field import P
from steelyard.protocols.confirmation import confirm
from steelyard.protocols.select import within
from steelyard.setoff.statement import MOST, Statement

FAR = -(P // 2)


def test_nobody_takes_the_place_of_a_creditor_in_a_skeleton() -> None:
    """A names, as its debtor, the number that makes its row look like D's of C's debt."""
    honest = debts(("C", "D", 100), ("A", "B", 100), ("B", "C", 100), ("E", "A", 1))
    club = Club.of(honest, "skeleton")
    club.all_say(honest, but=["A"])
    own = debts(("C", "D", 0), ("A", "B", 100), ("B", "C", 0), ("E", "A", 1))
    stolen = {"debtors": [FAR + 2, 4, 5, 5], "receivables": [100, 1, 0, 0]}
    club.say(Statement(club.terms, "A", (own[1], own[3])), stolen)
    found = club.clear(steps=20)
    assert found.figures["cleared"] == 0
    assert found.notice("C").payables == 0


EDGES = [0, 1, 5, 6, MOST, MOST + 1, 1 << 59, P // 2 - 1, P // 2, FAR, FAR + 1, FAR + 4, FAR + MOST, -(1 << 59), -5, -1]


def test_what_strangers_deal_is_brought_within_bounds_whatever_it_is() -> None:
    ring = Ring.of(3, 2)
    found = ring.reconstruct(ring.run(lambda circle, x: within(circle, x, 5), ring.share(EDGES)))
    assert found == [min(max(each, 0), 5) for each in EDGES]


@pytest.mark.parametrize("smaller", [False, True])
def test_what_two_firms_agree_on_counts_only_if_it_is_an_amount(smaller: bool) -> None:
    ring = Ring.of(3, 2)
    both = ring.share(EDGES)

    def amounts(circle: Any, said: Any, heard: Any) -> Any:
        return (yield from confirm(circle, said, heard, smaller)).amounts

    found = ring.reconstruct(ring.run(amounts, both, both))
    assert found == [each if 0 <= each <= MOST else 0 for each in EDGES]


@pytest.mark.parametrize("kind", ["cash", "caps", "today"])
def test_no_number_that_one_firm_deals_keeps_others_from_clearing(kind: str) -> None:
    lines = debts(("A", "B", 10), ("B", "C", 10), ("C", "A", 10), ("D", "A", 3))
    club = Club.of(lines, **{kind: date(2026, 11, 1) if kind == "today" else True})
    club.all_say(lines, but=["D"])
    far = {"cash": {"cash": [FAR + 1, FAR + 2]}, "caps": {"cap": [FAR + 3]}, "today": {"payable_worths": [FAR + 4] * 4}}
    club.say(Statement(club.terms, "D", (lines[3],)), far[kind])
    assert club.clear(steps=20).figures["cleared"] == 30
