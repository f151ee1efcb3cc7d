"""The sealed double auction: the price at which most is traded, and everybody's own fills from it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.consortium import Consortium
from protocols.market import SIZES, Said, ask, nothing_was_dealt, watch_openings

from clients.sdk.fills import Outcome
from steelyard.errors import Invalid, Malformed
from steelyard.functions.auction import MAX_POINTS
from steelyard.functions.catalogue import question
from steelyard.functions.question import Opening, Question
from steelyard.tables.filter import Filter, parse

Order = tuple[str, int, int]  # side, price in cents, quantity in tenths
DECIMALS = (2, 1, 0)
LOW, HIGH, TICK = 100, 150, 10
GRID = range(LOW, HIGH + 1, TICK)


def asked(**changes: object) -> Question:
    wanted = {"dataset": "orders", "column": "price", "low": "1.00", "high": "1.50", "tick": "0.1"}
    return question("auction", {**wanted, **changes})


def layers(orders: Sequence[Order]) -> dict[str, list[int]]:
    sides, prices, quantities = zip(*orders, strict=True) if orders else ((), (), ())
    return {
        "price": list(prices),
        "quantity": list(quantities),
        "buys": [int(side == "buy") for side in sides],
    }


def curves(orders: Sequence[Order], price: int) -> tuple[int, int]:
    demand = sum(quantity for side, limit, quantity in orders if side == "buy" and limit >= price)
    supply = sum(quantity for side, limit, quantity in orders if side == "sell" and limit <= price)
    return demand, supply


def cleared(orders: Sequence[Order]) -> tuple[int | None, int]:
    """Price and volume, by definition."""
    price = next(p for p in reversed(GRID) if p == LOW or curves(orders, p)[0] >= curves(orders, p - TICK)[1])
    volume = min(curves(orders, price))
    return (price if volume else None), volume


def dealt_out(size: int, orders: Sequence[Order]) -> tuple[Consortium, dict[str, dict[str, list[int]]]]:
    consortium = Consortium(size, 3 if size == 5 else 2)
    return consortium, {
        party: layers(orders[index :: len(consortium.parties)]) for index, party in enumerate(consortium.parties)
    }


def cleared_by_the_parties(size: int, orders: Sequence[Order], **changes: object) -> dict[str, Any]:
    consortium, inputs = dealt_out(size, orders)
    consortium.enough = True
    return ask(consortium, asked(**changes), inputs, DECIMALS)


order = st.tuples(st.sampled_from(["buy", "sell"]), st.integers(80, 170), st.integers(0, 30))


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=12, deadline=None)
@given(orders=st.lists(order, max_size=20))
def test_the_price_is_the_one_of_the_definition_and_no_price_trades_more(n: int, k: int, orders: list[Order]) -> None:
    found = cleared_by_the_parties(n, orders)
    price, volume = cleared(orders)
    assert found == {"price": None if price is None else f"{price / 100:.2f}", "volume": f"{volume / 10:.1f}"}
    assert volume == max(min(curves(orders, each)) for each in GRID)


@settings(max_examples=25, deadline=None)
@given(orders=st.lists(order, max_size=20))
def test_both_sides_fills_are_the_volume_but_for_rounding_and_nobody_trades_at_a_worse_price(
    orders: list[Order],
) -> None:
    found = cleared_by_the_parties(3, orders, fills=True)
    outcome = Outcome.read(found)
    total, marginal = {"buy": Decimal(0), "sell": Decimal(0)}, {"buy": 0, "sell": 0}
    for side, limit, quantity in orders:
        wanted = Decimal(quantity) / 10
        got = outcome.fill(side, Decimal(limit) / 100, wanted)
        assert 0 <= got <= wanted
        total[side] += got
        if found["price"] is not None:
            over = (limit - Decimal(found["price"]) * 100) * (1 if side == "buy" else -1)
            assert not got or over >= 0
            marginal[side] += over >= 0 and got < wanted
    volume = Decimal(found["volume"])
    assert max(total.values()) == volume
    for side in total:
        assert volume - Decimal("0.1") * marginal[side] <= total[side] <= volume


CROSSED = [("buy", 130, 100), ("buy", 120, 30), ("buy", 120, 10), ("sell", 100, 60), ("sell", 110, 60)]


def test_the_longer_side_shares_at_the_margin_in_proportion() -> None:
    found = cleared_by_the_parties(3, CROSSED, fills=True)
    assert found == {
        "price": "1.20",
        "volume": "12.0",
        "margin": {"side": "buy", "full": "1.30", "filled": "2.0", "of": "4.0"},
    }
    outcome = Outcome.read(found)
    fills = [outcome.fill(side, Decimal(limit) / 100, Decimal(quantity) / 10) for side, limit, quantity in CROSSED]
    assert [str(each) for each in fills] == ["10", "1.5", "0.5", "6", "6"]


def test_asks_share_when_supply_is_longer() -> None:
    mirrored = [({"buy": "sell", "sell": "buy"}[side], 250 - limit, quantity) for side, limit, quantity in CROSSED]
    found = cleared_by_the_parties(3, mirrored, fills=True)
    assert (found["price"], found["volume"]) == ("1.30", "12.0")
    assert found["margin"] == {"side": "sell", "full": "1.20", "filled": "2.0", "of": "4.0"}


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_at_an_end_of_the_grid_all_orders_share(side: str) -> None:
    other, best = {"buy": ("sell", 160), "sell": ("buy", 90)}[side]
    orders = [(side, best, 30), (side, best, 10), (other, 125, 20)]
    orders = [*orders, (other, 90 if other == "sell" else 160, 4)]
    found = cleared_by_the_parties(3, orders, fills=True)
    assert found["margin"] == {"side": side, "full": None, "filled": "2.4", "of": "4.0"}


def test_without_a_trade_there_is_no_price_to_learn_a_limit_from() -> None:
    apart = [("buy", 110, 50), ("sell", 140, 50)]
    assert cleared_by_the_parties(3, apart, fills=True) == {"price": None, "volume": "0.0", "margin": None}
    assert cleared_by_the_parties(3, []) == {"price": None, "volume": "0.0"}
    assert Outcome.read({"price": None, "volume": "0.0"}).fill("buy", Decimal(1), Decimal(1)) == 0


def test_the_largest_quantities_and_the_finest_grid() -> None:
    most = 2**59 // 3 - 1
    consortium = Consortium(3, 2, enough=True)
    inputs = {party: layers([("buy" if party == "bank-a" else "sell", 333, most)]) for party in consortium.parties}
    said, wanted = Said(), asked(low="0.00", high="40.95", tick="0.01")
    found = ask(consortium, wanted, inputs, DECIMALS, said)
    assert wanted.wanted.points == MAX_POINTS
    assert found == {"price": "3.33", "volume": f"{most // 10}.{most % 10}"}
    assert max(size for *_, size in said.messages) <= wanted.longest(3)


def test_too_few_orders_or_orders_of_too_few_parties_clear_nothing() -> None:
    suppressed = {"price": None, "volume": None, "suppressed": True}
    consortium, inputs = dealt_out(3, CROSSED)
    consortium.minimum_rows = len(CROSSED) + 1
    assert ask(consortium, asked(), inputs, DECIMALS) == suppressed
    consortium = Consortium(3, 2)
    inputs = {party: layers(CROSSED if party == "bank-a" else []) for party in consortium.parties}
    assert ask(consortium, asked(), inputs, DECIMALS) == suppressed


def test_nothing_but_suppression_is_opened_and_the_transcript_has_one_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    for orders in (CROSSED, [("buy", 110, 1)] * 3, [("sell", 100, 10**15), ("buy", 150, 7), ("sell", 99, 0)]):
        said = Said()
        with monkeypatch.context() as patched:
            watch_openings(patched, said)
            consortium, inputs = dealt_out(3, orders)
            ask(consortium, asked(fills=True), inputs, DECIMALS, said)
        assert said.opened == ["suppressed"]
        shapes.append(said.messages)
    assert all(shape == shapes[0] for shape in shapes)


@pytest.mark.parametrize("orders", [[("buy", 110, 2**59 // 3)], [("sell", 110, 2**58)] * 64])
def test_quantities_that_could_overflow_are_refused_before_anything_is_dealt(orders: list[Order]) -> None:
    consortium = Consortium(3, 2)
    with pytest.raises(Invalid, match="overflow"):
        ask(consortium, asked(), {party: layers(orders) for party in consortium.parties}, DECIMALS)
    assert nothing_was_dealt(consortium)


@pytest.mark.parametrize("changes", [{"tick": "0.001", "high": "1.01"}, {"high": "9999999999999999", "tick": "1e15"}])
def test_a_grid_that_the_column_cannot_have_is_refused_before_anything_is_dealt(changes: dict[str, str]) -> None:
    consortium = Consortium(3, 2)
    changes = {name: text.replace("1e15", "9999999999999998") for name, text in changes.items()}
    with pytest.raises(Invalid, match=r"decimals|too large"):
        ask(consortium, asked(**changes), {party: layers(CROSSED) for party in consortium.parties}, DECIMALS)
    assert nothing_was_dealt(consortium)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"tick": "0"}, "above zero"),
        ({"tick": "-0.1"}, "above zero"),
        ({"high": "1.00"}, "from a lower"),
        ({"high": "1.55"}, "whole number of ticks"),
        ({"tick": "0.0001"}, "at most 4096"),
        ({"tick": "nan"}, "arguments of auction"),
        ({"low": ""}, "arguments of auction"),
        ({"quantity": "price"}, "three columns"),
        ({"side": "no column"}, "column"),
    ],
)
def test_arguments_that_are_none_are_refused(changes: dict[str, str], match: str) -> None:
    with pytest.raises(Invalid, match=match):
        asked(**changes)


class Orders:
    """A table of them."""

    def __init__(self, *orders: Order) -> None:
        self.orders = orders

    def values(self, column: str, where: Filter) -> np.ndarray:
        return np.array([each[["price", "quantity"].index(column) + 1] for each in self.orders], dtype=np.int64)

    def texts(self, column: str, where: Filter) -> list[str]:
        assert (column, where) == ("side", parse("a = 1"))
        return [each[0] for each in self.orders]


def test_a_party_brings_its_orders_and_none_that_is_no_order() -> None:
    wanted = asked(where="a = 1")
    brought = wanted.bring(Orders(*CROSSED), 0)  # type: ignore[arg-type]
    assert {name: each.tolist() for name, each in brought.items()} == layers(CROSSED)
    for wrong, match in ((("Buy", 1, 1), "'buy' or 'sell'"), (("buy", 1, -1), "not negative")):
        with pytest.raises(Invalid, match=match):
            wanted.bring(Orders(wrong), 0)  # type: ignore[arg-type]


def test_policies_are_asked_about_all_three_columns_and_it_counts_as_a_search() -> None:
    assert asked().wanted.columns == ("price", "quantity", "side")
    assert asked().searches


@pytest.mark.parametrize(
    "changes",
    [
        {"margin": None},
        {"margin": {"side": "buy", "full": None, "filled": "2", "of": "1"}},
        {"price": "x"},
        {"margin": 1},
    ],
)
def test_fills_need_an_outcome_that_says_how_the_margin_is_filled(changes: dict[str, object]) -> None:
    announced = {"price": "1.20", "volume": "1.0", "margin": {"side": "buy", "full": None, "filled": "1", "of": "2"}}
    assert Outcome.read(announced).fill("buy", Decimal(2), Decimal(1)) == 0  # half of one, in whole units
    with pytest.raises(Invalid):
        Outcome.read({**announced, **changes})
    with pytest.raises(Invalid, match="'buy' or 'sell'"):
        Outcome.read(announced).fill("hold", Decimal(2), Decimal(1))


@pytest.mark.parametrize(
    "values", [[7, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 5, 0, 0, 0], [1, -1, 0, 0, 0], [1, 1, 2, 1, 0]]
)
def test_a_result_that_is_no_outcome_is_malformed(values: list[int]) -> None:
    with pytest.raises(Malformed):
        asked(fills=True).figures(Opening(np.array(values), (), DECIMALS, (), 2))
