"""`steelyard pki` and `steelyard manifest`: the whole way by files, data only on stdout, no secret in a flag."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App, CycloptsError

from clients.cli import manifest, pki
from steelyard.errors import Conflict, Invalid, NotFound, Unauthenticated
from steelyard.identity.authority import Authority
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Layout

Run = Callable[..., Any]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command with --json in an empty directory and returns what stdout parses to."""
    monkeypatch.chdir(tmp_path)
    app = App(name="steelyard")
    app.command("clients.cli.pki:app", name="pki")
    app.command("clients.cli.manifest:app", name="manifest")

    def _run(line: str) -> Any:
        app(f"{line} --json", exit_on_error=False, print_error=False, result_action="return_value")
        return json.loads(capsys.readouterr().out)

    return _run


def _found(run: Run) -> str:
    fingerprint: str = run("pki init --dir ca-side --consortium riverside")["fingerprint"]
    return fingerprint


def _enrol(run: Run, fingerprint: str, name: str, options: str) -> None:
    role = options.split("--role ")[1].split()[0]
    Path(f"{name}.token").write_text(run(f"pki token {name} --dir ca-side --role {role}")["token"])
    run(
        f"pki request {name} --dir {name}-side --ca ca-side/ca/ca.pem --fingerprint {fingerprint} "
        f"--token-file {name}.token --out {name}.enrolment {options}"
    )
    run(f"pki admit {name}.enrolment --dir ca-side --out {name}.admission")
    run(f"pki install {name}.admission --dir {name}-side")


def _everybody_enrolled(run: Run) -> None:
    fingerprint = _found(run)
    _enrol(run, fingerprint, "bank-a", "--role node --address bank-a.example:7000")
    _enrol(run, fingerprint, "bank-b", "--role node --address bank-b.example:7000")
    _enrol(run, fingerprint, "hub", "--role coordinator --address hub.example:7000")
    _enrol(run, fingerprint, "analyst", "--role requester --organisation bank-a")


def _signed_by(run: Run, name: str, options: str = "") -> Any:
    key = f"{name}-side/organisations/{name}/organisation.key"
    return run(f"manifest sign draft.json --organisation {name} --key {key} {options}")


def test_a_consortium_founds_itself_over_files(run: Run) -> None:
    _everybody_enrolled(run)
    draft = run("manifest draft --dir ca-side --threshold 2 --out draft.json")
    assert (draft["version"], draft["missing"]) == (1, ["bank-a", "bank-b"])
    assert _signed_by(run, "bank-a")["missing"] == ["bank-b"]
    with pytest.raises(Unauthenticated, match="bank-b"):
        run(f"manifest verify draft.json --pin {draft['digest']}")
    assert _signed_by(run, "bank-b")["missing"] == []
    verified = run(f"manifest verify draft.json --pin {draft['digest']}")
    assert verified["parties"] == ["bank-a", "bank-b"]
    for side in ("ca", "bank-a", "bank-b", "hub", "analyst"):
        run(f"manifest adopt draft.json --dir {side}-side --pin {draft['digest']}")
    for side in ("bank-a", "bank-b", "hub", "analyst"):
        assert {each["ok"] for each in run(f"pki check --dir {side}-side")} == {True}


def test_a_founded_consortium_lets_one_more_in(run: Run) -> None:
    _everybody_enrolled(run)
    pin = run("manifest draft --dir ca-side --threshold 2 --out draft.json")["pin"]
    for name in ("bank-a", "bank-b"):
        _signed_by(run, name)
    run(f"manifest adopt draft.json --dir ca-side --pin {pin}")
    _enrol(run, _fingerprint(), "bank-c", "--role node --address bank-c.example:7000")
    entry = "ca-side/entries/node-bank-c.json"
    grown = run(f"manifest draft --dir ca-side --entry {entry} --minimum-group 3 --out draft.json")
    assert (grown["version"], grown["missing"]) == (2, ["bank-a", "bank-b", "bank-c"])
    with pytest.raises(Unauthenticated, match="pinned"):
        _signed_by(run, "bank-a")
    for name in ("bank-a", "bank-b", "bank-c"):
        _signed_by(run, name, f"--pin {pin}")
    adopted = run("manifest adopt draft.json --dir ca-side")
    assert adopted["parties"] == ["bank-a", "bank-b", "bank-c"]
    shown = run("manifest show ca-side/manifest.json")
    assert [node["point"] for node in shown["manifest"]["nodes"]] == [1, 2, 3]


def _fingerprint() -> str:
    return Authority.load(Path("ca-side/ca")).fingerprint


def test_the_first_manifest_needs_a_pin(run: Run) -> None:
    _everybody_enrolled(run)
    run("manifest draft --dir ca-side --threshold 2 --out draft.json")
    with pytest.raises(Invalid, match="--pin"):
        run("manifest adopt draft.json --dir ca-side")


def test_a_token_is_read_from_stdin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = _found(run)
    token = run("pki token bank-a --dir ca-side")["token"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    run(
        f"pki request bank-a --dir mine --ca ca-side/ca/ca.pem --fingerprint {fingerprint} --token-file - "
        "--address bank-a.example:7000 --out bank-a.enrolment"
    )
    assert run("pki admit bank-a.enrolment --dir ca-side --out bank-a.admission")["id"] == "bank-a"


def test_a_token_for_people_is_one_line_that_a_file_can_take(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    _found(run)
    pki.token("bank-a", dir=Path("ca-side"))
    captured = capsys.readouterr()
    assert len(bytes.fromhex(captured.out.strip())) == 32
    assert captured.out.strip() not in captured.err


def test_no_command_takes_a_secret_as_a_flag() -> None:
    for app in (pki.app, manifest.app):
        for command in app:
            if command.startswith("-"):
                continue
            names = {name for argument in app[command].assemble_argument_collection() for name in argument.names}
            assert not names & {"--token", "--password", "--passphrase", "--secret"}


def test_everything_made_in_one_place_renews(run: Run) -> None:
    _found(run)
    for name in ("bank-a", "bank-b"):
        run(f"pki issue {name} --dir ca-side --address 127.0.0.1:7000 --days 3")
    run("pki issue hub --role coordinator --dir ca-side --address localhost:7001")
    run("pki issue analyst --role requester --dir ca-side --organisation bank-a")
    renewed = run("pki renew --dir ca-side --days 5")
    assert len(renewed) == 6
    assert {each["days"] for each in renewed} == {"5.0"}


def test_a_failed_check_still_prints_every_finding(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    _found(run)
    run("pki issue bank-a --dir ca-side --address 127.0.0.1:7000")
    with pytest.raises(Unauthenticated):
        run("pki check --home ca-side/nodes/bank-a")
    found = {each["check"]: each["ok"] for each in json.loads(capsys.readouterr().out)}
    assert found == {
        "permissions": True,
        "name": True,
        "chain": True,
        "key match": True,
        "clock": True,
        "expiry": True,
        "manifest": False,
        "pin": False,
    }


def test_a_renewal_travels_as_a_file(run: Run) -> None:
    _found(run)
    run("pki issue bank-a --dir ca-side --address 127.0.0.1:7000")
    home = Layout(Path("ca-side")).home(Role.NODE, "bank-a")
    before = home.certificate()
    run("pki renewal --home ca-side/nodes/bank-a --out a.csr")
    new = "new.pem"
    run(f"pki renew --dir ca-side --request a.csr --current ca-side/nodes/bank-a/tls.pem --out {new}")
    Path(new).replace(home.path / "tls.pem")
    assert home.certificate().public_key() == before.public_key()
    assert home.certificate().serial_number != before.serial_number
    with pytest.raises(Invalid, match="go together"):
        run("pki renew --dir ca-side --request a.csr")


def test_an_authority_is_not_made_twice(run: Run) -> None:
    _found(run)
    with pytest.raises(Conflict):
        _found(run)


def test_a_directory_without_keys_is_not_found(run: Run) -> None:
    for command in ("pki check --dir nowhere", "pki token bank-a --dir nowhere"):
        with pytest.raises(NotFound):
            run(command)


@pytest.mark.parametrize(
    "line", ["pki issue x --dir d --role admin", "pki init --dir d", "pki nonsense", "manifest verify f"]
)
def test_a_line_that_is_no_command_is_a_usage_error(run: Run, line: str) -> None:
    with pytest.raises(CycloptsError):
        run(line)


@pytest.mark.parametrize("app", [pki.app, manifest.app])
def test_help_begins_with_examples(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app("--help", result_action="return_value")
    text = capsys.readouterr().out
    assert text.index("steelyard ") < text.index("Commands")


def test_people_see_tables(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    _everybody_enrolled(run)
    run("manifest draft --dir ca-side --threshold 2 --out draft.json")
    manifest.show(Path("draft.json"))
    text = capsys.readouterr().out
    assert "2 of 2" in text
    assert "bank-b.example:7000" in text
