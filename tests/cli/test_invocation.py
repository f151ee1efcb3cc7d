"""Which profile a call uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.cli import invocation
from clients.cli.invocation import VARIABLE, profile_directory
from steelyard.errors import Invalid, NotFound


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--profile", "d", "sum", "a.b"],
        ["sum", "--profile", "d", "a.b"],
        ["sum", "a.b", "--profile", "d"],
        ["sum", "a.b", "--profile=d"],
        ["--profile=d", "sum", "a.b", "--profile", "d"],
    ],
    ids=" ".join,
)
def test_the_profile_may_stand_anywhere(arguments: list[str]) -> None:
    called = invocation.read(arguments)
    assert called.profile == "d"
    assert called.arguments == ("sum", "a.b")
    assert called.command == "sum"


def test_what_follows_two_dashes_is_left_alone() -> None:
    assert invocation.read(["sum", "--", "--profile"]).arguments == ("sum", "--", "--profile")


@pytest.mark.parametrize("arguments", [["--profile"], ["--profile="], ["--profile", "a", "--profile", "b"]])
def test_a_profile_without_one_directory_is_refused(arguments: list[str]) -> None:
    with pytest.raises(Invalid):
        invocation.read(arguments)


def test_the_flag_goes_before_the_variable_and_that_before_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound):
        profile_directory()
    _profile(tmp_path / "config" / "steelyard")
    assert profile_directory() == tmp_path / "config" / "steelyard"
    _profile(tmp_path / ".steelyard")
    assert profile_directory() == Path(".steelyard")
    monkeypatch.setenv(VARIABLE, "variable")
    assert profile_directory() == Path("variable")
    with invocation.read(["--profile", "flag"]).active():
        assert profile_directory() == Path("flag")
    assert profile_directory() == Path("variable")


def _profile(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "profile.toml").write_text('consortium = "local"\n')
