"""Scenarios of sums that are compared, of rankings, and of auctions; see `tests.cluster.scenarios`."""

from __future__ import annotations

from decimal import Decimal

from tests.cluster import samples
from tests.cluster.runner import PARTIES, Runner
from tests.cluster.scenarios import BALANCE, changed_policy


def two_sums_are_compared_and_neither_is_shown(runner: Runner) -> None:
    totals = {each["group"]: each["total"] for each in runner.ask("sum", BALANCE, group_by="segment").result["groups"]}
    than = {"than": "segment = 'corporate'"}
    answer = runner.ask("compare", BALANCE, where="segment = 'retail'", options=than)
    retail, corporate = Decimal(totals["retail"]), Decimal(totals["corporate"])
    assert answer.result == {"outcome": "greater" if retail > corporate else "less"}
    assert not {totals["retail"], totals["corporate"]} & set(str(answer.data["result"]).split("'"))
    assert runner.ask("compare", BALANCE, where="segment = 'retail'").code == 2  # with itself
    with changed_policy(runner, "bank-c", "minimum_rows = 3", "minimum_rows = 3\nsearches_per_version = 0"):
        assert runner.ask("compare", BALANCE, options=than).reason == "BUDGET_EXHAUSTED"


def the_largest_are_named_in_order(runner: Runner) -> None:
    totals = {each["group"]: each["total"] for each in runner.ask("sum", BALANCE, group_by="segment").result["groups"]}
    names = sorted(totals, key=lambda name: -Decimal(totals[name]))[:2]
    order = runner.ask("top", BALANCE, group_by="segment", options={"count": 2}).result
    assert order == {"top": [{"rank": rank, "group": name} for rank, name in enumerate(names, start=1)]}
    shown = runner.ask("top", BALANCE, group_by="segment", options={"count": 2, "values": True}).result["top"]
    assert [each["total"] for each in shown] == [totals[name] for name in names]
    parties = [each["party"] for each in runner.ask("top", "marked.amount", options={"count": 9}).result["top"]]
    marked = samples.marked_totals()
    assert parties == sorted(PARTIES, key=lambda party: -marked[party])
    refused = runner.ask("top", BALANCE, options={"values": True})
    assert (refused.code, refused.reason) == (4, "POLICY_REFUSED")


def an_auction_clears_at_one_price_and_shows_no_order(runner: Runner) -> None:
    grid = {"low": "9.00", "high": "11.00", "tick": "0.05"}
    assert runner.ask("auction", "orders.price", options=grid).result == {"price": "10.20", "volume": "60"}
    answer = runner.ask("auction", "orders.price", options={**grid, "fills": True})
    margin = {"side": "buy", "full": "10.25", "filled": "20", "of": "40"}
    assert answer.result == {"price": "10.20", "volume": "60", "margin": margin}
    assert runner.ask("auction", "orders.price", options={**grid, "tick": "0.001"}).code == 2
