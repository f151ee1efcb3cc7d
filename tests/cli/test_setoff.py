"""What `steelyard setoff generate` writes, `steelyard setoff reference` clears."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.cli import setoff
from steelyard.errors import Invalid, NotFound
from steelyard.setoff.optima import OPTIMA, SEED


def test_a_preset_is_written_and_cleared_to_its_stored_optimum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "obligations.csv"
    setoff.generate(preset="club-30", seed=SEED, out=file, json=True)
    assert json.loads(capsys.readouterr().out) == {"file": str(file), "firms": 30, "obligations": 120}
    setoff.reference(obligations=file, json=True)
    found = json.loads(capsys.readouterr().out)
    stored = OPTIMA["club-30"]
    assert (found["pairs"], found["total"], found["cleared"]) == (stored.pairs, stored.total, stored.cleared)
    assert found["remaining"] == stored.total - stored.cleared
    assert found["circles_up_to_2"] <= found["circles_up_to_3"] <= found["circles_up_to_4"] <= found["cleared"]


def test_an_empty_round_clears_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "none.csv"
    file.write_text("id,debtor,creditor,amount\n")
    setoff.reference(obligations=file, json=True)
    assert json.loads(capsys.readouterr().out)["cleared"] == 0


def test_files_that_are_not_there_or_hold_several_currencies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        setoff.reference(obligations=tmp_path / "none.csv")
    file = tmp_path / "several.csv"
    file.write_text("id,debtor,creditor,amount,currency\n1,A,B,5,EUR\n2,A,B,5,USD\n3,A,B,5,IDR\n")
    with pytest.raises(Invalid, match="3 currencies"):
        setoff.reference(obligations=file)
    setoff.reference(obligations=file, currency="USD", json=True)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be written"):
        setoff.generate(preset="club-30", out=tmp_path / "nowhere" / "file.csv")
