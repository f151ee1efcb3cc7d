"""Bins hold the rows of all parties, and those of too few rows or parties are left out."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.consortium import Consortium
from protocols.tables import Rows, Watched, ask, tables, watch_openings

from steelyard.errors import Invalid
from steelyard.functions.catalogue import question
from steelyard.functions.histogram import MAX_BINS, MAX_EDGES
from steelyard.functions.question import Question

SIZES = [(3, 2), (4, 2), (5, 3)]
EDGES = ("-1.005", "0", "0.01", "20.00")


def about(*edges: str, **arguments: Any) -> Question[Any]:
    return question("histogram", {"dataset": "accounts", "column": "balance", "edges": list(edges), **arguments})


def counts(found: dict[str, Any]) -> list[int | None]:
    return [each["count"] for each in found["bins"]]


def expected(parties: list[list[int]], edges: tuple[str, ...], rows: int, group: int) -> list[int | None]:
    """In minor units with two decimals; None for a bin that is left out."""
    ends = [Decimal(each) * 100 for each in edges]
    placed = [[bisect_right(ends, value) for value in each] for each in parties]
    bins = range(len(edges) + 1)
    many = [sum(each.count(bin_) for each in placed) for bin_ in bins]
    having = [sum(bin_ in each for each in placed) for bin_ in bins]
    return [many[bin_] if many[bin_] >= rows and having[bin_] >= group else None for bin_ in bins]


@pytest.mark.parametrize(("n", "k"), [*SIZES, (4, 3)])  # the last cannot compare: the nodes open the counts
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_every_row_is_in_one_bin_and_rare_bins_are_left_out(n: int, k: int, data: st.DataObject) -> None:
    consortium = Consortium(n, k, minimum_rows=3, minimum_group=2)
    near = st.sampled_from([-101, -100, -1, 0, 1, 1999, 2000, 2**59 - 1, 1 - 2**59])
    rows = [data.draw(st.lists(near | st.integers(-300, 3000), max_size=25)) for _ in consortium.parties]
    assert counts(ask(consortium, about(*EDGES), tables(consortium, rows))) == expected(rows, EDGES, 3, 2)


def test_a_bin_says_where_it_begins_and_ends() -> None:
    found = ask(Consortium(3, 2, minimum_group=2), about("0", "5.5"), tables(Consortium(3, 2), [[1], [2], [550]]))
    assert found == {
        "bins": [
            {"from": None, "below": "0", "count": None, "suppressed": True},
            {"from": "0", "below": "5.5", "count": 2},
            {"from": "5.5", "below": None, "count": None, "suppressed": True},
        ]
    }


def test_groups_have_bins_of_their_own() -> None:
    consortium = Consortium(3, 2)
    rows = {party: Rows([("retail", -1), ("public", 5), ("public", 6)]) for party in consortium.parties}
    found = ask(consortium, about("0", group_by="segment", groups=["public", "retail", "none"]), rows)
    assert [(each["group"], counts(each)) for each in found["groups"]] == [
        ("public", [None, 6]),
        ("retail", [3, None]),
        ("none", [None, None]),
    ]


def test_a_filter_on_the_column_itself_cuts_bins() -> None:
    consortium = Consortium(3, 2)
    found = ask(consortium, about("0", "1", where="balance >= 0.5"), tables(consortium, [[-5, 49, 50, 100]] * 3))
    assert counts(found) == [None, 3, 3]


def test_enough_rows_in_all_do_not_save_a_rare_bin() -> None:
    consortium = Consortium(3, 2, minimum_rows=3)
    asked = about("0")
    assert asked.wanted.narrowed  # so that no node says that all its rows are enough
    assert counts(ask(consortium, asked, tables(consortium, [[-1, 5, 6]] * 2 + [[7, 8]]))) == [None, 6]


@pytest.mark.parametrize(("n", "k", "steps"), [(3, 2, {"suppressed"}), (5, 3, {"suppressed"}), (4, 3, {"rows"})])
def test_nothing_but_what_is_left_out_is_opened(
    n: int, k: int, steps: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    consortium, watched = Consortium(n, k), Watched()
    watch_openings(monkeypatch, watched)
    ask(consortium, about(*EDGES), tables(consortium, [[1, 2]] * n), watched)
    assert {step for step, _ in watched.opened} == steps


def test_the_transcript_does_not_depend_on_the_rows() -> None:
    shapes = []
    for rows in ([[1] * 9] * 3, [[], [2**40], [-(2**40)] * 500]):
        consortium, watched = Consortium(3, 2), Watched()
        ask(consortium, about(*EDGES), tables(consortium, rows), watched)
        shapes.append(watched.messages)
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("edges", "arguments", "message"),
    [
        ((), {}, "edges"),
        (("a",), {}, "plain decimal"),
        (("1e5",), {}, "plain decimal"),
        (("1", "1.0"), {}, "ascend"),
        (("2", "1"), {}, "ascend"),
        (tuple(map(str, range(MAX_EDGES + 1))), {}, "edges"),
        (
            tuple(map(str, range(MAX_EDGES))),
            {"group_by": "segment", "groups": list(map(str, range(MAX_BINS // MAX_EDGES)))},
            "at most 4096 bins",
        ),
        (("1",), {"groups": ["a"]}, "group-by"),
        (("1",), {"where": "balance = 'x'"}, "different types"),
    ],
)
def test_what_is_no_argument_is_refused(edges: tuple[str, ...], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        about(*edges, **arguments)


def test_the_statement_warns_of_a_bin_that_is_left_out_alone() -> None:
    asked = about("0", where="balance > -5")
    assert "in each of 2 bins" in asked.released()
    assert "alone is left out" in asked.released()
    assert asked.searches
    assert any("each bin is suppressed" in leak.what for leak in asked.leaks())


def test_no_message_is_longer_than_announced() -> None:
    edges = tuple(map(str, range(200)))
    for n, k in (*SIZES, (7, 4)):
        consortium, watched, asked = Consortium(n, k), Watched(), about(*edges)
        ask(consortium, asked, tables(consortium, [[1]] * n), watched)
        assert max(size for *_, size in watched.messages) < asked.longest(n)
