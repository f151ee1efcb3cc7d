"""What `vault` and `data show` print, with an owner that answers from memory."""

from __future__ import annotations

import json

import pytest
from cli.test_commands import Memory

from clients.cli.__main__ import run
from clients.sdk.records import DatasetRows, KeyVersion, VaultFault, VaultRotation, VaultStatus


class Keeper(Memory):
    """An owner whose node has a vault in the middle of a rotation."""

    def show_dataset(self, dataset: str, rows: int) -> DatasetRows:
        return DatasetRows(dataset=self.data, rows=(("retail",), ("public",))[: rows or None])

    def vault(self, verify: bool) -> VaultStatus:
        faults = (VaultFault(unit="dataset/accounts/1", problem="bits have changed"),) if verify else ()
        return VaultStatus(
            current="ab",
            versions=(KeyVersion(version="aa", keys=1, held=False), KeyVersion(version="ab", keys=2, held=True)),
            units={"dataset": 3},
            files=3,
            bytes=4000,
            generation=5,
            faults=faults,
        )

    def rotate_vault(self) -> VaultRotation:
        return VaultRotation(current="ac", rewrapped=3, sealing_key=2, retired=("aa", "ab"))


@pytest.fixture(autouse=True)
def keeper(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    found = Keeper()
    for module in ("data", "vault"):
        monkeypatch.setattr(f"clients.cli.{module}.open_owner", lambda party="": found)
    return found


@pytest.mark.parametrize("command", [["data", "show", "accounts"], ["vault", "status"], ["vault", "rotate"]])
def test_with_json_stdout_is_one_document_of_the_party(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["party"] == "bank-a"
    assert shown.count("\n") == 1
    assert run(command) == 0
    assert "\x1b[" not in capsys.readouterr().out


def test_a_dataset_is_read_back_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "show", "accounts", "--rows", "1"]) == 0
    shown = capsys.readouterr()
    assert shown.out.split() == ["segment", "retail"]
    assert "1 of 3 rows" in shown.err
    assert run(["data", "show", "accounts", "--rows", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["table"] == [{"segment": "retail"}, {"segment": "public"}]


def test_what_the_vault_cannot_open_is_shown_and_exits_5(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vault", "status", "--verify"]) == 5
    shown = capsys.readouterr()
    assert "1 under aa (which is missing), 2 under ab" in shown.out
    assert "bits have changed" in shown.err
    assert "steelyard vault rotate" in shown.err


def test_a_rotation_says_what_is_gone_and_what_to_keep(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vault", "rotate"]) == 0
    shown = capsys.readouterr()
    assert "aa, ab" in shown.out
    assert "Back up the new key" in shown.err
