"""What a firm says to a round, and what is refused while it says it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from protocols.clubs import Club, debts

from steelyard.errors import Invalid
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.statement import MOST, Offers, Statement
from steelyard.setoff.terms import Terms

FOUR = debts(("A", "B", 100), ("B", "C", 70), ("C", "A", 90), ("D", "A", 40))
MODES = pytest.mark.parametrize("mode", ["sealed", "skeleton"])


def test_an_unknown_firm_and_others_invoices_are_refused_where_they_are_said() -> None:
    terms = Terms(round="club", firms=("a", "b"))
    with pytest.raises(Invalid, match="no firm of this round"):
        Statement(terms, "A", tuple(debts(("A", "Z", 1)))).layers()
    with pytest.raises(Invalid, match="between others"):
        Statement(terms, "A", tuple(debts(("B", "Z", 1)))).layers()


@MODES
def test_a_firm_written_in_two_ways_is_refused_where_it_is_said(mode: Any) -> None:
    terms = Terms(round="club", firms=("a", "b"), mode=mode)
    with pytest.raises(Invalid, match="differ only in capitals"):
        Statement(terms, "A", tuple(debts(("A", "B", 1), ("A", "b", 2)))).layers()
    with pytest.raises(Invalid, match="differ only in capitals"):
        Statement(terms, "A", tuple(debts(("A", "a", 1)))).layers()


@MODES
def test_invoices_of_one_pair_that_are_too_large_together_are_refused_where_they_are_said(mode: Any) -> None:
    terms = Terms(round="club", firms=("a", "b"), mode=mode)
    with pytest.raises(Invalid, match="17,179,869,184 minor units or more"):
        Statement(terms, "A", tuple(debts(("A", "B", MOST), ("A", "B", 1)))).layers()


@MODES
@pytest.mark.parametrize(
    ("offers", "kind"),
    [
        (Offers(tender=1), "cash"), (Offers(acceptance=1), "cash"),
        (Offers(borrows={"B": 1}), "credit lines"), (Offers(cap=5), "caps"),
    ],
)  # fmt: skip
def test_an_offer_that_the_round_does_not_take_is_refused_not_forgotten(mode: Any, offers: Offers, kind: str) -> None:
    terms = Terms(round="club", firms=("a", "b"), mode=mode)
    with pytest.raises(Invalid, match=f"takes no {kind}"):
        Statement(terms, "A", (), offers).layers()


def test_a_firm_that_deals_more_rows_than_there_are_firms_does_not_count() -> None:
    club = Club.of(FOUR, "skeleton")
    club.all_say(FOUR, but=["D"])
    far = [4] * (1 << 17)
    club.say(Statement(club.terms, "D", ()), {"payables": far, "creditors": far})
    assert club.clear(steps=20).figures["firms"] == 3


def test_ten_thousand_invoices_are_one_number_for_each_other_firm() -> None:
    terms = Terms(round="club", firms=("a", "b", "c"))
    many = [Obligation(str(number), "A", "BC"[number % 2], 3) for number in range(10_000)]
    layers = Statement(terms, "A", tuple(many)).layers()
    assert layers["payables"].tolist() == [0, 15_000, 15_000]
    assert np.array_equal(layers["receivables"], [0, 0, 0])
