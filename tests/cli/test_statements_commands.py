"""`ratio`, `score` and `benchmark`: what reaches the client, and what a lender reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.test_commands import Memory, memory, result  # noqa: F401  # the fixture
from cli.test_market import asked

from clients.cli.__main__ import run


def test_names_are_listed_with_commas_and_blanks_between(memory: Memory) -> None:  # noqa: F811
    function, column, found = asked(memory, "ratio|--ratios|current, roa|--subjects|firm-a, firm-b|--year|2023")
    assert (function, column) == ("ratio", "statements.firm")
    assert found["options"] == {
        "ratios": ["current", "roa"], "subjects": ["firm-a", "firm-b"], "year": 2023, "decimals": 4, "balance": True,
    }  # fmt: skip


def test_the_balance_is_checked_unless_told_otherwise(memory: Memory) -> None:  # noqa: F811
    assert asked(memory, "ratio|--ratios|current")[2]["options"]["balance"] is True
    assert asked(memory, "ratio|--ratios|current|--no-balance")[2]["options"]["balance"] is False


def test_all_firms_are_asked_about_unless_some_are_named(memory: Memory) -> None:  # noqa: F811
    assert asked(memory, "ratio|--ratios|current")[2]["options"]["subjects"] == []
    assert asked(memory, "ratio|--ratios|current|--subject|firm-a")[2]["options"]["subjects"] == ["firm-a"]


def test_a_lender_sees_figures_why_there_is_none_and_how_exact_they_are(
    memory: Memory,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    ratios = {"roa": {"value": "0.0750"}, "interest_cover": {"value": None, "reason": "undefined"}}
    firms = [{"subject": "firm-a", "party": "firm-a", "year": 2023, "ratios": ratios}]
    value = {"firms": firms, "missing": ["firm-x"], "balanced": True, "error_bound": "6.0e-05"}
    memory.result = result(function="ratio", value=value, culprits=("bank-b",))
    assert run(["ratio", "--ratios", "roa,interest_cover"]) == 0
    shown = capsys.readouterr()
    assert shown.out.split()[-5:] == ["firm-a", "firm-a", "2023", "0.0750", "undefined"]
    for sentence in ("Nobody has brought a statement of: firm-x", "every statement balances", "came from: bank-b"):
        assert sentence in shown.err


def test_a_lender_sees_whose_word_a_figure_is_and_who_vouches_for_whom(
    memory: Memory,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    score = {"year": 2023, "score": "2.750"}
    firms = [
        {"subject": "firm-a", "party": "bank-a", **score},
        {"subject": "firm-x", "party": "firm-x", "sponsor": "analyst", **score},
    ]
    memory.result = result(function="score", value={"firms": firms, "missing": []})
    assert run(["computation", "show", "5eed" * 8]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["subject", "party", "sponsor", "year", "score"] in lines
    assert ["firm-a", "bank-a", "2023", "2.750"] in lines
    assert ["firm-x", "firm-x", "analyst", "2023", "2.750"] in lines


def test_a_model_that_is_none_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("[1, 2]", '{"ebit": "much"}', '{"ebit": NaN}', ""):
        file = tmp_path / "weights.json"
        file.write_text(text)
        assert run(["score", "--model", str(file)]) == 2
        assert "weights.json: cannot be read as a JSON object" in capsys.readouterr().err
