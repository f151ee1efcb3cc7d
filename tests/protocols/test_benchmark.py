"""A firm against the mean of its peers."""

from __future__ import annotations

import pytest
from protocols.consortium import Consortium
from protocols.statements import Books, asked, fail, opened, play, statement

from steelyard.errors import GroupTooSmall, Invalid, NotFound
from steelyard.ids import PartyId

A, B, C = (PartyId(f"bank-{letter}") for letter in "abc")
INCOMES = {"a1": 75, "a2": -20, "b1": 10, "b2": 300, "c1": 0, "c2": 55}


def books(incomes: dict[str, int] | None = None) -> dict[PartyId, Books]:
    rows = [statement(firm, net_income=income) for firm, income in (incomes or INCOMES).items()]
    return {p: Books([row for row in rows if row["firm"][0] == p[-1]]) for p in (A, B, C)}


@pytest.mark.parametrize("subject", ["a2", "b2"])
def test_the_distance_from_the_mean_of_the_others_is_exact(subject: str) -> None:
    consortium, question = Consortium(3, 2), asked("benchmark", subject=subject, ratio="roa")
    figures = opened(consortium, question, fail(play(consortium, question, books())))
    others = [income for firm, income in INCOMES.items() if firm != subject]
    expected = (INCOMES[subject] - sum(others) / 5) / 1000
    assert figures == {"subject": subject, "ratio": "roa", "distance": f"{expected:.4f}", "peers": 5}


def test_fewer_than_five_peers_are_refused() -> None:
    few = {firm: income for firm, income in INCOMES.items() if firm != "c2"}
    with pytest.raises(GroupTooSmall, match="4 peers"):
        fail(play(Consortium(3, 2), asked("benchmark", subject="a1", ratio="roa"), books(few)))


def test_a_firm_whose_ratio_is_undefined_is_no_peer() -> None:
    made = books()
    made[C] = Books([statement("c1", interest_expense=0), statement("c2")])
    with pytest.raises(GroupTooSmall):
        fail(play(Consortium(3, 2), asked("benchmark", subject="a1", ratio="interest_cover"), made))


def test_a_subject_that_nobody_has_is_not_found() -> None:
    with pytest.raises(NotFound):
        fail(play(Consortium(3, 2), asked("benchmark", subject="x", ratio="roa"), books()))


def test_a_ratio_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid, match="no ratio"):
        asked("benchmark", subject="a1", ratio="luck")


@pytest.mark.parametrize("subject", ["a2", "b2", "c1"])
def test_the_percentile_counts_the_peers_below(subject: str) -> None:
    consortium, question = Consortium(3, 2), asked("benchmark", subject=subject, ratio="roa", percentile=True)
    figures = opened(consortium, question, fail(play(consortium, question, books())))
    below = sum(income < INCOMES[subject] for income in INCOMES.values())
    assert figures == {"subject": subject, "ratio": "roa", "percentile": f"{20 * below}.0", "peers": 5}


def test_a_peer_without_the_item_is_none_and_its_place_in_the_order_does_not_count() -> None:
    made = books({**INCOMES, "c3": 40})
    made[C] = Books([{k: v for k, v in row.items() if k != "net_income"} for row in made[C].rows])
    question = asked("benchmark", subject="b2", ratio="roa", percentile=True)
    with pytest.raises(GroupTooSmall, match="3 peers"):
        fail(play(Consortium(3, 2), question, made))


def test_peers_that_are_all_in_one_party_s_books_are_refused() -> None:
    made = {A: Books([statement(f"a{i}", net_income=i) for i in range(9)]), B: Books([]), C: Books([])}
    with pytest.raises(GroupTooSmall, match="books of 1 parties"):
        fail(play(Consortium(3, 2), asked("benchmark", subject="a1", ratio="roa"), made))


def test_the_subject_does_not_stand_for_its_own_party_s_peers() -> None:
    rows = {**{f"a{i}": i for i in range(6)}, "b1": 10}
    with pytest.raises(GroupTooSmall, match="books of 1 parties"):
        fail(play(Consortium(3, 2), asked("benchmark", subject="b1", ratio="roa"), books(rows)))


def test_the_choice_of_peers_is_what_ledgers_compare_whoever_the_subject_and_the_ratio() -> None:
    one = asked("benchmark", subject="a1", ratio="roa")
    assert one.among == asked("benchmark", subject="b1", ratio="roe", percentile=True).among
    for other in ({"where": "firm = 'c1'"}, {"subjects": ("a1", "b1", "b2")}, {"year": 2023}):
        assert asked("benchmark", **{"subject": "a1", "ratio": "roa", **other}).among != one.among
