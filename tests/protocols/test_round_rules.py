"""What a round takes beside debts: cash, credit lines, caps, ages, groups that do not clear among themselves."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from protocols.clubs import Club, debts

from steelyard.setoff.generator import Preset, generate
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.statement import Offers, Statement, statements

MODES = pytest.mark.parametrize("mode", ["sealed", "skeleton"])
TRIANGLE = debts(("A", "B", 100), ("B", "C", 70), ("C", "A", 90), ("A", "C", 5), ("D", "A", 40))


@MODES
def test_cash_goes_round_with_the_debts(mode: str) -> None:
    chain = debts(("A", "B", 50), ("B", "C", 40))
    club = Club.of(chain, mode, cash=True)
    club.all_say(chain, {"A": Offers(tender=30), "C": Offers(acceptance=100)})
    found = club.clear(steps=40)
    assert found.cleared() == {"1": 30, "2": 30}
    assert (found.figures["cash"], found.figures["cleared"], found.figures["cleared_per_cash"]) == (30, 60, 2.0)
    assert (found.figures["nid_before"], found.figures["nid_after"]) == (50, 20)
    assert found.notice("A").money == 30


@MODES
def test_credit_lines_caps_and_exclusions(mode: str) -> None:
    chain = debts(("A", "B", 50), ("B", "C", 40))
    club = Club.of(chain, mode, credit=True)
    club.all_say(chain, {"C": Offers(lends={"A": 25}), "A": Offers(borrows={"C": 30})})
    assert club.clear(steps=40).cleared() == {"1": 25, "2": 25}
    club = Club.of(TRIANGLE, mode, caps=True)
    club.all_say(TRIANGLE, {"B": Offers(cap=10)})
    assert club.clear(steps=40).cleared() == {"1": 10, "2": 10, "3": 15, "4": 5, "5": 0}
    club = Club.of(TRIANGLE, mode, excluded=(("a", "c"),))
    club.all_say(TRIANGLE)
    assert club.clear(steps=10).figures["cleared"] == 0


@MODES
def test_firms_of_two_groups_clear_nothing_among_themselves_even_if_they_say_so(mode: str) -> None:
    ring = debts(("A", "B", 10), ("B", "A", 10), ("C", "D", 7), ("D", "C", 7), ("B", "C", 3), ("C", "B", 3))
    club = Club.of(ring, mode, excluded=(("a", "b"), ("b", "d"), ("d", "c")))
    free = msgspec.structs.replace(club.terms, excluded=())
    for each in statements(free, ring):
        layers = {name: layer for name, layer in each.layers().items() if not name.startswith("round")}
        club.say(Statement(club.terms, each.firm, each.obligations), layers)
    assert (len(club.terms.groups), club.clear(steps=20).figures["cleared"]) == (2, 6)


def test_everything_that_firms_may_offer_goes_together_in_a_skeleton() -> None:
    obligations = generate(Preset(7, 18), 3)
    club = Club.of(
        obligations,
        "skeleton",
        cash=True,
        credit=True,
        caps=True,
        today=date(2026, 11, 1),
        excluded=(("f001", "f002"),),
    )
    offers = {
        "F001": Offers(tender=5_000, lends={"F005": 900, "F003": 40_000}),
        "F003": Offers(cap=30_000, borrows={"F001": 50_000}),
        "F005": Offers(acceptance=9_000, borrows={"F001": 900}),
    }
    club.all_say(obligations, offers)
    found = club.clear(steps=40)
    cleared = found.cleared()  # every notice has passed its own check: balances with its money, bounds
    paid = sum(cleared[each.id] for each in obligations if each.debtor == "F003")
    among = [each for each in obligations if {each.debtor, each.creditor} == {"F001", "F002"}]
    assert paid <= 30_000
    assert sum(cleared.values()) == found.figures["cleared"] > 0
    assert not any(cleared.get(each.id) for each in among)
    assert sum(found.notice(firm).money for firm in club.said) == 0 or found.figures["cash"]


@MODES
def test_overdue_debts_come_first_where_all_cannot_be_cleared(mode: str) -> None:
    old, new = date(2024, 1, 1), date(2026, 11, 1)
    lines = [
        Obligation("1", "A", "B", 10, due=old),
        Obligation("2", "B", "D", 10, due=old),
        Obligation("3", "A", "C", 10, due=new),
        Obligation("4", "C", "D", 10, due=new),
        Obligation("5", "D", "A", 10, due=new),
    ]
    club = Club.of(lines, mode, today=date(2026, 11, 1))
    club.all_say(lines)
    assert club.clear(steps=60).cleared() == {"1": 10, "2": 10, "3": 0, "4": 0, "5": 10}
