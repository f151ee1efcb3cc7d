"""`compare`, `top` and `auction`: what reaches the client, what people see, and a bidder's own fills."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.test_commands import Memory, memory, result  # noqa: F401  # the fixture

from clients.cli.__main__ import run

MARGIN = {"side": "buy", "full": "10.25", "filled": "20", "of": "40"}
OUTCOME = {"price": "10.20", "volume": "60", "margin": MARGIN}


def asked(memory: Memory, line: str) -> tuple[str, str, dict[str, Any]]:  # noqa: F811
    assert run(line.split("|")) == 0
    function, column, options = memory.asked[-1]
    return function, column, options


def test_a_comparison_says_both_sides(memory: Memory) -> None:  # noqa: F811
    function, column, found = asked(memory, "compare|a.b|--where|x = 1|--than|x  =  2|--than-column|a.c")
    assert (function, column, found["where"]) == ("compare", "a.b", "x = 1")
    assert found["options"] == {"than": "x = 2", "than_column": "c"}


def test_a_column_of_another_dataset_is_not_compared_with(memory: Memory) -> None:  # noqa: F811
    assert run(["compare", "a.b", "--than-column", "c.b"]) == 2
    assert not memory.asked


@pytest.mark.parametrize(("by", "grouped"), [("", ""), ("|--by|party", ""), ("|--by|segment", "segment")])
def test_a_ranking_is_of_parties_unless_a_column_is_named(memory: Memory, by: str, grouped: str) -> None:  # noqa: F811
    function, _, found = asked(memory, f"top|a.b|--count|2|--values{by}")
    assert (function, found["group_by"], found["options"]) == ("top", grouped, {"count": 2, "values": True})


def test_an_auction_says_its_grid_and_its_columns(memory: Memory) -> None:  # noqa: F811
    function, column, found = asked(memory, "auction|book|--from|1|--to|2|--tick|0.5|--price|limit|--fills")
    assert (function, column) == ("auction", "book.limit")
    assert found["options"] == {
        "low": "1", "high": "2", "tick": "0.5", "quantity": "quantity", "side": "side", "fills": True,
    }  # fmt: skip


def test_people_see_a_ranking_as_a_table_and_who_was_left_out(
    memory: Memory,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    ranking = [{"rank": 1, "party": "bank-b"}, {"rank": 2, "party": "bank-a"}]
    memory.result = result(function="top", value={"top": ranking, "left_out": ["bank-c"]})
    assert run(["top", "a.b"]) == 0
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines() if "bank" in line] == [["1", "bank-b"], ["2", "bank-a"]]
    assert "Left out, for too few rows: bank-c" in shown.err


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ({"outcome": "less"}, "less"),
        ({"top": [], "left_out": ["a"], "suppressed": True}, "suppressed (too few rows)"),
        (OUTCOME, "side buy, full 10.25, filled 20, of 40"),
        ({"price": None, "volume": "0"}, "none"),
    ],
)
def test_people_see_each_outcome_in_words(
    memory: Memory,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
    value: dict[str, Any],
    seen: str,
) -> None:
    memory.result = result(value=value)
    assert run(["compare", "a.b", "--than", "x = 1"]) == 0
    assert seen in capsys.readouterr().out


def files(folder: Path, outcome: object, orders: str) -> list[str]:
    (folder / "outcome.json").write_text(json.dumps(outcome))
    (folder / "orders.csv").write_text(orders)
    return ["auction", "fill", str(folder / "outcome.json"), str(folder / "orders.csv")]


def test_a_bidder_learns_its_own_fills_at_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orders = "side,price,quantity\nbuy,10.30,7\nbuy,10.20,31\nbuy,10.19,5\nsell,10.20,9\nsell,10.21,9\n"
    command = files(tmp_path, {"result": OUTCOME}, orders)
    assert run([*command, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [each["filled"] for each in shown["fills"]] == ["7", "15", "0", "9", "0"]
    assert (shown["price"], shown["bought"], shown["sold"]) == ("10.20", "22", "9")
    assert run(command) == 0
    assert "15" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("outcome", "orders"),
    [
        ([1], "side,price,quantity\n"),
        ({"result": 1}, "side,price,quantity\n"),
        ({"total": "1"}, "side,price,quantity\n"),
        ({"result": {**OUTCOME, "margin": {**MARGIN, "of": "0"}}}, "side,price,quantity\nbuy,10.2,1\n"),
        (OUTCOME, "side,price\nbuy,1\n"),
        (OUTCOME, "side,price,quantity\nbuy,NaN,1\n"),
        (OUTCOME, "side,price,quantity\nhold,1,1\n"),
        ({"price": "1", "volume": "1"}, "side,price,quantity\nbuy,1,1\n"),
    ],
)
def test_what_is_no_outcome_or_no_order_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outcome: object, orders: str
) -> None:
    assert run([*files(tmp_path, outcome, orders), "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["reason"] == "INVALID"
