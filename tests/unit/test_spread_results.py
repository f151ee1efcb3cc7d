"""Statistics and histograms in Python: what is asked, and what comes back."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from clients.sdk import AsyncClient, Client
from clients.sdk.questions import plainly, question
from clients.sdk.results import Bin, Result
from steelyard.errors import Invalid
from steelyard.setoff.terms import Terms


class Asked:
    """In place of a client."""

    def ask(self, function: str, dataset: str, column: str | None, **asked: Any) -> Any:
        return question(function, dataset, column, asked).arguments  # type: ignore[arg-type]


class Awaited(Asked):
    async def ask(self, function: str, dataset: str, column: str | None, **asked: Any) -> Any:
        return super().ask(function, dataset, column, **asked)


def opened(**value: Any) -> Result:
    beside = dict.fromkeys(Result.__dataclass_fields__) | {"vector": None, "decimals": 0}
    return Result(**beside | {"value": value})


@pytest.mark.parametrize(
    ("function", "options", "signed"),
    [
        ("stats", {"quantiles": [Decimal("0.9"), 0.25]}, {"quantiles": ["0.9", "0.25"], "median": True}),
        ("stats", {"median": False}, {"quantiles": [], "median": False}),
        ("histogram", {"edges": [-5, "0.50"]}, {"edges": ["-5", "0.50"], "group_by": "", "groups": []}),
    ],
)
def test_options_are_signed_as_they_were_given(function: str, options: Any, signed: Any) -> None:
    whole = {"dataset": "accounts", "column": "balance", "where": "a = 1"} | signed
    assert getattr(Client, function)(Asked(), "accounts.balance", where="a = 1", **options) == whole
    assert asyncio.run(getattr(AsyncClient, function)(Awaited(), "accounts.balance", where="a = 1", **options)) == whole


def test_rounds_and_nettings_are_asked_for_by_blocking_and_by_awaiting() -> None:
    terms = Terms(round="october", firms=("a", "b"), currency="EUR")
    cleared: Any = {"dataset": "october", "column": "amount", "terms": plainly(terms), "steps": 40}
    netted: Any = {"dataset": "payments", "column": "amount", "banks": ["north", "south"], "mode": "settles"}
    for name, first, words, signed in (
        ("set_off", terms, {"options": {"steps": 40}}, cleared),
        ("netting", ["North", "South"], {"mode": "settles"}, netted),
    ):
        found = getattr(Client, name)(Asked(), first, **words)
        assert {key: found[key] for key in signed} == signed
        assert asyncio.run(getattr(AsyncClient, name)(Awaited(), first, **words)) == found
    with pytest.raises(Invalid, match="named twice"):
        Client.netting(Asked(), ["North", "North"])  # type: ignore[arg-type]


def test_what_is_no_option_is_refused() -> None:
    with pytest.raises(Invalid, match="from 0 to 1"):
        Client.stats(Asked(), "accounts.balance", quantiles=["2"])  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="ascend"):
        Client.histogram(Asked(), "accounts.balance", edges=[2, 1])  # type: ignore[arg-type]


def test_statistics_are_exact_decimals() -> None:
    result = opened(
        count=3, mean="2.000000", std="1.5", min="-1.00", max="5.00", median="2.00", quantiles={"1": "5.00"}
    )
    assert (result.count, result.mean, result.std) == (3, Decimal(2), Decimal("1.5"))
    assert (result.extremes, result.median) == ((Decimal(-1), Decimal(5)), Decimal(2))
    assert result.quantiles == {"1": Decimal(5)}


def test_suppressed_statistics_are_none() -> None:
    result = opened(**dict.fromkeys(("count", "mean", "std", "min", "max", "median")), suppressed=True)
    assert (result.std, result.median, result.extremes, result.quantiles) == (None, None, (None, None), {})


def test_bins_are_in_order_with_their_groups() -> None:
    first, second = {"from": None, "below": "0", "count": 4}, {"from": "0", "below": None, "count": None}
    hidden = second | {"suppressed": True}
    plain = [Bin(None, Decimal(0), 4, False), Bin(Decimal(0), None, None, True)]
    assert list(opened(bins=[first, hidden]).bins) == plain
    grouped = opened(groups=[{"group": "retail", "bins": [first]}, {"group": "public", "bins": [hidden]}])
    assert [(each.group, each.count) for each in grouped.bins] == [("retail", 4), ("public", None)]
    assert opened(total="1").bins == ()
