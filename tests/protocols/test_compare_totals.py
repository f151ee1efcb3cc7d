"""Two totals compared: one of three outcomes to the requester, nothing about either to anybody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.consortium import Consortium
from protocols.market import SIZES, Said, ask, nothing_was_dealt, watch_openings

from steelyard.errors import Invalid, Malformed
from steelyard.functions.catalogue import question
from steelyard.functions.question import Opening, Question
from steelyard.tables.filter import Filter

LARGEST = 2**59 // 5 - 1
Inputs = dict[str, list[int]]


def asked(**changes: object) -> Question:
    wanted = {"dataset": "accounts", "column": "balance", "where": "a = 1", "than": "a = 2"}
    return question("compare", {**wanted, **changes})


def layers(first: int, second: int, rows: int = 5) -> Inputs:
    return {"sum": [first, second], "count": [rows, rows], "parties": [int(rows > 0)] * 2}


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=8, deadline=None)
@given(
    firsts=st.lists(st.integers(-LARGEST, LARGEST), min_size=5, max_size=5),
    above=st.sampled_from([-1, 0, 1, -LARGEST, LARGEST]),
)
def test_it_says_which_total_is_greater(n: int, k: int, firsts: list[int], above: int) -> None:
    consortium = Consortium(n, k)
    seconds = [min(max(each - above * (index == 0), -LARGEST), LARGEST) for index, each in enumerate(firsts)]
    pairs = list(zip(firsts, seconds, strict=True))[:n]
    inputs = {party: layers(*pair) for party, pair in zip(consortium.parties, pairs, strict=True)}
    difference = sum(first - second for first, second in pairs)
    wanted = "greater" if difference > 0 else "less" if difference < 0 else "equal"
    assert ask(consortium, asked(), inputs) == {"outcome": wanted}


@pytest.mark.parametrize(
    ("decimals", "second", "outcome"),
    [((2, 0), 15, "equal"), ((2, 0), 16, "less"), ((0, 2), 150_000, "equal"), ((2, 2), 1499, "greater")],
)
def test_columns_of_other_decimals_are_compared_in_one_unit(
    decimals: tuple[int, int], second: int, outcome: str
) -> None:
    consortium = Consortium(3, 2)
    inputs = {party: layers(1500, second) for party in consortium.parties}
    assert ask(consortium, asked(than="", than_column="income"), inputs, decimals) == {"outcome": outcome}


@pytest.mark.parametrize("few", [0, 1])
def test_with_too_few_rows_on_either_side_there_is_no_answer(few: int) -> None:
    consortium = Consortium(3, 2, minimum_rows=10)
    inputs = {party: layers(1, 2) for party in consortium.parties}
    for each in inputs.values():
        each["count"][few] = 3
    assert ask(consortium, asked(), inputs) == {"outcome": None, "suppressed": True}


def test_rows_of_one_party_only_are_too_few_parties() -> None:
    consortium = Consortium(3, 2)
    inputs = {party: layers(1, 2) for party in consortium.parties}
    for party in consortium.parties[1:]:
        inputs[party] |= {"count": [5, 0], "parties": [1, 0]}
    inputs[consortium.parties[0]]["count"] = [5, 50]
    assert ask(consortium, asked(), inputs) == {"outcome": None, "suppressed": True}


def test_nothing_but_suppression_is_opened_and_the_transcript_has_one_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    for first, second in ((1, 2), (2, 1), (0, 0), (-LARGEST, LARGEST)):
        said = Said()
        with monkeypatch.context() as patched:
            watch_openings(patched, said)
            consortium = Consortium(3, 2)
            ask(consortium, asked(), {party: layers(first, second) for party in consortium.parties}, said=said)
        assert said.opened == ["suppressed"]
        shapes.append(said.messages)
    assert all(shape == shapes[0] for shape in shapes)


def test_a_total_that_another_unit_makes_too_large_is_refused_before_anything_is_dealt() -> None:
    consortium = Consortium(3, 2)
    inputs = {party: layers(1, 2**58 // 100) for party in consortium.parties}
    with pytest.raises(Invalid, match="overflow"):
        ask(consortium, asked(than_column="income"), inputs, (3, 0))
    assert nothing_was_dealt(consortium)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"than": ""}, "with itself"),
        ({"than": "a = 1"}, "with itself"),
        ({"than": "", "than_column": "balance"}, "with itself"),
        ({"than": "a=2"}, "normal form"),
        ({"than_column": "no column"}, "column"),
        ({"limit": "1"}, "arguments of compare"),
    ],
)
def test_arguments_that_are_none_are_refused(changes: dict[str, str], match: str) -> None:
    with pytest.raises(Invalid, match=match):
        asked(**changes)


def test_policies_are_asked_about_both_sides_and_it_counts_as_a_search() -> None:
    both = asked(than="b = 2", than_column="income")
    assert both.wanted.columns == ("balance", "income")
    assert both.wanted.filter_columns == {"a", "b"}
    assert both.wanted.narrowed == "a = 1 than b = 2"
    assert both.searches
    assert not asked(where="", than="", than_column="income").wanted.narrowed


def test_a_party_brings_both_sides() -> None:
    class Table:
        def totals(self, column: str, filters: list[Filter]) -> tuple[np.ndarray, np.ndarray]:
            return np.array([len(column)]), np.array([int(filters[0].text[-1])])

    brought = asked(than_column="income", than="a = 0").bring(Table(), 0)  # type: ignore[arg-type]
    assert {name: each.tolist() for name, each in brought.items()} == {
        "sum": [7, 6],
        "count": [1, 0],
        "parties": [1, 0],
    }


@pytest.mark.parametrize("values", [[2], [0, 0]])
def test_a_result_that_is_no_outcome_is_malformed(values: list[int]) -> None:
    with pytest.raises(Malformed):
        asked().figures(Opening(np.array(values), (), (2,), (), 2))
