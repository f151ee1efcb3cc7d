"""Calls that are wrong, and what the user reads then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.cli.__main__ import run
from clients.cli.invocation import VARIABLE

ID = "5eed" * 8


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place without any profile."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["sum"],
        ["sum", "accounts.balance", "--nope"],
        ["sum", "accounts.balance", "--vector", "many"],
        ["count", "accounts.balance", "extra"],
        ["computation", "show"],
        ["computation", "nope"],
        ["data", "import"],
        ["local", "prepare", "--dir", "d"],
        ["party", "list", "--profile"],
        ["party", "list", "--profile", "a", "--profile", "b"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_exits_2_and_says_why(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")


@pytest.mark.parametrize(
    ("typed", "near", "where"),
    [
        ("summ a.b", "did you mean sum?", "`steelyard --help`"),
        ("docter", "did you mean doctor?", "`steelyard --help`"),
        ("manifests draft", "did you mean manifest?", "`steelyard --help`"),
        ("computation aprove", "did you mean approve?", "`steelyard computation --help`"),
        ("computation zzz", "there is no command 'zzz';", "`steelyard computation --help`"),
    ],
)
def test_an_unknown_command_names_the_nearest_and_says_where_the_list_is(
    typed: str, near: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed.split()) == 2
    shown = capsys.readouterr().err
    assert near in shown
    assert f"{where} lists all commands" in shown


@pytest.mark.parametrize(
    "arguments", [["sum"], ["sum", "a.b", "--nope"], ["computation", "show", ID]], ids=["missing", "unknown", "profile"]
)
def test_with_json_an_error_is_one_document_on_stderr(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = run([*arguments, "--json"])
    shown = capsys.readouterr()
    error = json.loads(shown.err)["error"]
    assert shown.out == ""
    assert code == {"INVALID": 2, "NOT_FOUND": 3}[error["reason"]]
    assert set(error) == {"reason", "message", "advice", "party", "culprits", "suspects"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["sum", "accounts.balance"],
        ["computation", "list"],
        ["computation", "pending"],
        ["party", "list"],
        ["data", "list"],
        ["audit", "show"],
        ["ledger", "show"],
        ["doctor"],
        ["local", "status"],
    ],
    ids=" ".join,
)
def test_without_a_profile_every_command_says_what_to_do(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "--profile DIR" in shown.err
    assert "steelyard local up" in shown.err


def test_a_profile_that_is_not_there_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["party", "list", "--profile", "gone"]) == 3
    assert "steelyard local up" in capsys.readouterr().err


def test_a_defect_exits_1_and_shows_nothing_of_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("clients.cli.version.metadata.version", _broken)
    monkeypatch.delenv("STEELYARD_DEBUG", raising=False)
    assert run(["version"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "ValueError" in shown.err
    assert "share=123456" not in shown.err


def test_an_interrupt_exits_130_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("clients.cli.version.metadata.version", _interrupted)
    assert run(["version"]) == 130
    assert capsys.readouterr() == ("", "")


def test_the_version_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "0.1.0"


def _broken(_: str) -> str:
    raise ValueError("share=123456")


def _interrupted(_: str) -> str:
    raise KeyboardInterrupt
