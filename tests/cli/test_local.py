"""A local consortium: what it is made of, and how its processes are found again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.cli.__main__ import run
from clients.local import prepare as making
from clients.local import runner
from clients.local.imports import Import, plan_imports
from clients.local.layout import LocalConsortium
from clients.local.ports import consecutive_ports, free_ports
from clients.local.process import Process
from clients.sdk import Profile
from clients.sdk.desk import Desk
from clients.sdk.owner import Owner
from coordinator import config as coordinator_config
from node import config as node_config
from node import policy
from steelyard.errors import Conflict, Failed, Invalid, NotFound, SteelyardError

SLEEP = ["-c", "import time; time.sleep(120)"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    found = Process("sleeper", tmp_path / "run" / "sleeper.json", tmp_path / "logs" / "sleeper.log")
    yield found
    found.kill()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> LocalConsortium:
    consortium = LocalConsortium.at(tmp_path_factory.mktemp("local") / "d")
    making.prepare(consortium, making.loopback_plan(making.party_names("3"), 2))
    return consortium


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2", ("bank-a", "bank-b")),
        ("26", tuple(f"bank-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")),
        ("bank-a,firm-b, firm-c", ("bank-a", "firm-b", "firm-c")),
    ],
)
def test_parties_are_a_number_or_names(text: str, names: tuple[str, ...]) -> None:
    assert making.party_names(text) == names


@pytest.mark.parametrize("text", ["1", "27", "0", "", "a,a", "Bank", "a,coordinator", "../x,b", "9" * 30])
def test_other_parties_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        making.party_names(text)


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))


def test_a_port_that_somebody_listens_on_is_a_conflict() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(Conflict, match=str(port)):
            consecutive_ports(port, 1)


def test_a_process_outlives_its_starter_and_is_found_again(process: Process) -> None:
    pid = process.start(SLEEP)
    assert Process(process.name, process.record, process.log).pid == pid
    assert os.getsid(pid) == pid


def test_a_killed_process_does_not_run(process: Process) -> None:
    process.start(SLEEP)
    assert process.kill()
    assert process.gone(60)
    assert process.pid is None
    assert not process.kill()


def test_a_stranger_with_the_same_id_is_left_alone(process: Process) -> None:
    process.start(SLEEP)
    time.sleep(0.05)  # start times are told in hundredths of a second
    stranger = subprocess.Popen([sys.executable, *SLEEP])
    try:
        record = json.loads(process.record.read_text())
        process.kill()
        process.record.write_text(json.dumps(record | {"pid": stranger.pid}))
        assert process.pid is None
        assert not process.kill()
        assert stranger.poll() is None
    finally:
        stranger.send_signal(signal.SIGKILL)
        stranger.wait()


def test_what_a_process_says_is_kept(process: Process) -> None:
    process.start(["-c", "import sys; print('out', flush=True); sys.exit('err')"])
    assert process.gone(60)
    assert process.tail().splitlines() == ["out", "err"]
    assert process.tail(lines=1) == "err"


def test_only_what_was_said_since_the_last_start_is_shown(process: Process) -> None:
    for word in ("earlier", "now"):
        process.start(["-c", f"print({word!r})"])
        assert process.gone(60)
    assert process.tail() == "now"
    assert "earlier" in process.log.read_text()


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (
            "sys.exit('WARNING: x\\nCONFLICT: the port is in use\\nadvice')",
            Conflict,
            "did not start: the port is in use",
        ),
        ("sys.exit('UNHEARD_OF: x')", Failed, "without saying why"),
        ("1 / 0", SteelyardError, "without saying why"),
        ("os.kill(os.getpid(), 9)", Failed, "without saying why"),
    ],
)
def test_a_process_that_ended_says_why_in_its_own_words(
    process: Process, code: str, kind: type[SteelyardError], message: str
) -> None:
    process.start(["-c", "import sys; sys.exit('INVALID: of an earlier start')"])
    assert process.gone(60)
    process.start(["-c", f"import os, sys; {code}"])
    assert process.gone(60)
    ending = process.ending()
    assert (type(ending), ending.party) == (kind, "sleeper")
    assert message in ending.message


@pytest.mark.processes
@pytest.mark.parametrize(
    ("call", "name"), [("start bank-b", "bank-b"), ("start coordinator", "coordinator"), ("up", "bank-b")]
)
def test_a_start_that_fails_exits_as_the_program_did_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], call: str, name: str
) -> None:
    consortium = LocalConsortium.at(tmp_path / "d")
    making.prepare(consortium, making.loopback_plan(making.party_names("2"), 2))
    program = consortium.program(name)
    program.process.log.parent.mkdir()
    program.process.log.write_text("of an earlier start\n")
    config = program.config.read_text()
    program.config.write_text(config.replace("listen", "lisen"))
    assert run(["local", *call.split(), "--dir", str(consortium.root)]) == Invalid.exit_code
    said = capsys.readouterr().err
    assert f"error: {name} did not start: " in said
    assert "unknown field `lisen`" in said
    assert "of an earlier start" not in said
    program.config.write_text(config)
    host, port = runner.addresses(consortium)[name].split(":")
    with socket.create_server((host, int(port))):
        assert run(["local", *call.split(), "--dir", str(consortium.root)]) == Conflict.exit_code
    assert "the port is in use" in capsys.readouterr().err


def test_a_prepared_consortium_can_be_started_by_hand(prepared: LocalConsortium) -> None:
    coordinator, *nodes = prepared.programs()
    assert [each.name for each in nodes] == ["bank-a", "bank-b", "bank-c"]
    assert coordinator_config.load(coordinator.config).listen == runner.addresses(prepared)["coordinator"]
    for program in nodes:
        config = node_config.load(program.config)
        assert config.party == program.name
        assert config.listen == runner.addresses(prepared)[program.name]
        assert policy.load(config.policy).requesters == ("analyst",)


def test_a_prepared_profile_asks_and_owns(prepared: LocalConsortium) -> None:
    profile = Profile.open(prepared.root)
    assert Desk(profile).requester == "analyst"
    assert [Owner(profile, each).party for each in profile.owners] == ["bank-a", "bank-b", "bank-c"]


def test_nothing_that_is_secret_is_open_to_others(prepared: LocalConsortium) -> None:
    keys = list(prepared.root.rglob("*.key"))
    assert len(keys) > 3
    assert all(path.stat().st_mode & 0o077 == 0 for path in keys)


def test_the_same_consortium_again_is_no_conflict_and_another_is(prepared: LocalConsortium) -> None:
    assert not runner.create(prepared, making.party_names("3"), 2)
    for parties, threshold, group in [("4", 2, None), ("3", 3, None), ("3", 2, 2), ("x,y,z", 2, None)]:
        with pytest.raises(Conflict, match="threshold 2"):
            runner.create(prepared, making.party_names(parties), threshold, group)


def test_a_plan_that_breaks_a_rule_leaves_nothing_behind(tmp_path: Path) -> None:
    consortium = LocalConsortium.at(tmp_path / "d")
    with pytest.raises(Invalid):
        making.prepare(consortium, making.loopback_plan(making.party_names("3"), 4))
    assert not consortium.root.exists()


def test_somebody_elses_files_are_never_purged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "ca.key").write_text("a real authority")
    assert run(["local", "down", "--purge", "--yes", "--dir", str(tmp_path)]) == 3
    with pytest.raises(NotFound):
        making.purge(LocalConsortium(tmp_path))
    with pytest.raises(Conflict):
        making.prepare(LocalConsortium(tmp_path), making.loopback_plan(making.party_names("3"), 2))
    assert (tmp_path / "ca" / "ca.key").read_text() == "a real authority"


def test_a_purge_removes_what_was_made_and_nothing_else(tmp_path: Path) -> None:
    consortium = LocalConsortium.at(tmp_path)
    making.prepare(consortium, making.loopback_plan(making.party_names("2"), 2))
    (tmp_path / "notes.txt").write_text("mine")
    making.purge(consortium)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_prepare_puts_names_into_addresses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--coordinator-address", "coordinator:7400", "--node-address", "{party}.example:7443"]
    called = [
        "local",
        "prepare",
        "--dir",
        str(tmp_path / "d"),
        "--parties",
        "x,y",
        "--threshold",
        "2",
        *where,
        "--json",
    ]
    assert run(called) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["programs"]] == ["coordinator", "x", "y"]
    consortium = LocalConsortium.at(tmp_path / "d")
    assert runner.addresses(consortium) == {
        "coordinator": "coordinator:7400",
        "x": "x.example:7443",
        "y": "y.example:7443",
    }
    assert node_config.load(consortium.program("x").config).listen == "0.0.0.0:7443"


def test_status_shows_what_does_not_run(prepared: LocalConsortium, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "status", "--dir", str(prepared.root), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["processes"]
    assert [each["name"] for each in shown] == ["coordinator", "bank-a", "bank-b", "bank-c"]
    assert set(shown[0]) == {"name", "role", "pid", "running", "healthy", "address"}
    assert not any(each["running"] or each["healthy"] for each in shown)


@pytest.mark.parametrize(("call", "code"), [("kill bank-z", 3), ("start bank-z", 3), ("kill bank-a", 8), ("down", 0)])
def test_processes_that_are_not_there(prepared: LocalConsortium, call: str, code: int) -> None:
    assert run(["local", *call.split(), "--dir", str(prepared.root)]) == code


@pytest.mark.parametrize("call", ["status", "kill bank-a", "start bank-a", "down", "down --purge --yes"])
def test_no_command_makes_a_directory_by_accident(tmp_path: Path, call: str) -> None:
    assert run(["local", *call.split(), "--dir", str(tmp_path / "gone")]) == 3
    assert not (tmp_path / "gone").exists()


def test_two_commands_do_not_start_the_same_processes_at_once(prepared: LocalConsortium) -> None:
    with prepared.locked():
        assert run(["local", "down", "--dir", str(prepared.root)]) == Conflict.exit_code


def test_a_partys_own_schema_goes_before_the_common_one(tmp_path: Path) -> None:
    for name in (
        "bank-a/accounts.csv",
        "bank-a/accounts.schema.toml",
        "bank-b/accounts.parquet",
        "accounts.schema.toml",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    said: list[str] = []
    (tmp_path / "bank-c").mkdir()
    assert plan_imports(tmp_path, ["bank-a", "bank-b"], said.append) == [
        Import("bank-a", "accounts", tmp_path / "bank-a/accounts.csv", tmp_path / "bank-a/accounts.schema.toml"),
        Import("bank-b", "accounts", tmp_path / "bank-b/accounts.parquet", tmp_path / "accounts.schema.toml"),
    ]
    assert "bank-c" in said[0]


def test_files_that_cannot_be_datasets_are_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "bank-a").mkdir()
    with pytest.raises(NotFound):
        plan_imports(tmp_path, ["bank-a"], str)
    (tmp_path / "bank-a" / "my accounts.csv").touch()
    called = [
        "local",
        "up",
        "--dir",
        str(tmp_path / "d"),
        "--parties",
        "2",
        "--threshold",
        "2",
        "--data",
        str(tmp_path),
    ]
    assert run(called) == 2
    assert not (tmp_path / "d").exists()
