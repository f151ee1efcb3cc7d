"""`hhi`: the index and nothing else; none where it has no meaning; cells of too few are left out."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.asking import GREETING, Rows, about, ask
from protocols.consortium import Consortium

from steelyard.errors import Invalid, Malformed, PolicyRefused
from steelyard.functions.question import Opening

SIZES = [(3, 2), (4, 2), (5, 3)]
GROUPS = {"group_by": "segment", "groups": ("retail", "public")}


def balances(*totals: int, rows: int = 4) -> list[Rows]:
    return [Rows({"balance": [total - rows + 1, *[1] * (rows - 1)]}) for total in totals]


def index(*totals: int) -> Fraction:
    return sum((Fraction(each, sum(totals)) ** 2 for each in totals), Fraction(0))


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_the_index_is_right_to_six_decimals(n: int, k: int, data: st.DataObject) -> None:
    top = data.draw(st.sampled_from([1, 50, 10**7, 2**59 // n - 1]))
    totals = data.draw(st.lists(st.integers(0, top), min_size=n, max_size=n))
    totals[0] = max(totals[0], 1)
    shown = ask(Consortium(n, k), about("hhi"), balances(*totals)).figures["hhi"]
    assert len(shown) == len("0.123456")
    assert abs(Fraction(Decimal(shown)) - index(*totals)) < Fraction(1, 10**6)


@pytest.mark.parametrize(("totals", "shown"), [((5, 5, 5, 5), "0.250000"), ((10, 0, 0, 0), "1.000000")])
def test_equal_parts_and_a_monopoly_are_exact(totals: tuple[int, ...], shown: str) -> None:
    assert ask(Consortium(4, 2), about("hhi"), balances(*totals)).figures == {"hhi": shown}


def test_every_group_has_its_own_index_or_none() -> None:
    consortium = Consortium(4, 2, minimum_rows=3, minimum_group=3)
    tables = [Rows({"balance": [each, 5]}, ["retail", "public"]) for each in (1, 2, 3)]
    tables.append(Rows({"balance": [4]}, ["retail"]))
    shown = ask(consortium, about("hhi", **GROUPS), tables)
    assert shown.figures == {"groups": [{"group": "retail", "hhi": "0.300000"}, {"group": "public", "hhi": "0.333333"}]}
    tables[2] = Rows({"balance": [3]}, ["retail"])
    shown = ask(consortium, about("hhi", **GROUPS), tables)
    hidden = {"group": "public", "hhi": None, "suppressed": True}
    assert shown.figures == {"groups": [{"group": "retail", "hhi": "0.300000"}, hidden]}
    assert shown.values.tolist() == [300_000, 1]


@pytest.mark.parametrize("totals", [(0, 0, 0), (5, -1, 7), (-5, -5, -5)])
def test_there_is_none_where_all_are_zero_or_one_is_negative(totals: tuple[int, ...]) -> None:
    shown = ask(Consortium(3, 2), about("hhi"), balances(*totals))
    assert shown.figures == {"hhi": None}
    assert shown.values.tolist() == [0, 0]


def test_a_party_without_the_dataset_is_no_part() -> None:
    shown = ask(Consortium(4, 2), about("hhi"), [*balances(5, 5), None, *balances(10)])
    assert shown.figures == {"hhi": "0.375000"}


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_only_what_is_suppressed_is_opened_and_the_transcript_does_not_tell_numbers(n: int, k: int) -> None:
    shapes = []
    for totals in ([1, 2, 3, 4, 5], [0] * 5, [2**56, -7, 0, 1, 2**40]):
        shown = ask(Consortium(n, k), about("hhi"), balances(*totals[:n]))
        assert shown.opened == GREETING | {"suppressed"}
        shapes.append(
            [(step, sender, to, size if step != "hello" else 0) for step, sender, to, size in shown.transcript]
        )
    assert shapes[0] == shapes[1] == shapes[2]
    assert ask(Consortium(n, k, enough=True), about("hhi"), balances(*range(n))).opened == GREETING


def test_a_result_over_too_few_rows_is_suppressed() -> None:
    shown = ask(Consortium(3, 2, minimum_rows=13), about("hhi"), balances(1, 2, 3))
    assert shown.figures == {"hhi": None, "suppressed": True}
    assert not shown.values.size


def test_a_total_that_could_overflow_is_refused_before_anything_is_dealt() -> None:
    consortium = Consortium(3, 2)
    with pytest.raises(Invalid, match="too large"):
        ask(consortium, about("hhi"), balances(2**59 // 3, 1, 1))
    assert not any(ledger.entered for ledger in consortium.ledgers.values())


def test_too_few_nodes_to_multiply_are_refused() -> None:
    with pytest.raises(PolicyRefused):
        ask(Consortium(4, 3, enough=True), about("hhi"), balances(1, 2, 3, 4))


@pytest.mark.parametrize("values", [(1_000_001, 1), (-1, 1), (5, 0), (5, 2), (5,)])
def test_what_is_no_index_is_malformed(values: tuple[int, ...]) -> None:
    with pytest.raises(Malformed):
        about("hhi").figures(Opening(np.array(values, dtype=np.int64), (), (2,), (), 2))


def test_no_message_is_longer_than_announced() -> None:
    asked = about("hhi", group_by="segment", groups=tuple(f"g{i}" for i in range(200)))
    tables = [Rows({"balance": [1] * 200}, [f"g{i}" for i in range(200)]) for _ in range(7)]
    longest = max(size for *_, size in ask(Consortium(7, 4), asked, tables).transcript)
    assert longest <= asked.longest(7)
