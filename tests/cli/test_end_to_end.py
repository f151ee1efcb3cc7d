"""The commands of the README as a user types them: real processes, real exit codes, data only on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from steelyard.identity import files

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("end-to-end")]

ROOT = Path(__file__).resolve().parents[2]
STEELYARD = Path(sys.executable).parent / "steelyard"
BANKS = ["bank-a", "bank-b", "bank-c", "bank-d"]


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        assert self.out.count("\n") == 1  # one document, nothing else
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        assert self.out == ""
        return json.loads(self.err)["error"]


class User:
    """Somebody in a directory of their own, in which the consortium `d` is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def types(self, line: str, *arguments: str, **variables: str) -> Ended:
        """`steelyard LINE ARGUMENTS`; arguments may have spaces."""
        environment = {k: v for k, v in os.environ.items() if k != "STEELYARD_PROFILE"} | variables
        command = [str(STEELYARD), *line.split(), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=180, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    found = User(tmp_path_factory.mktemp("user"))
    (found.folder / "examples").symlink_to(ROOT / "examples")
    up = found.types("local up --dir d --parties 4 --threshold 2 --data examples/balances")
    assert up.code == 0, up.err
    yield found
    found.types("local down --dir d --purge --yes")


def test_every_process_is_healthy(user: User) -> None:
    processes = user.types("local status --dir d --json").json["processes"]
    assert [each["name"] for each in processes] == ["coordinator", *BANKS]
    assert all(each["running"] and each["healthy"] for each in processes)
    assert len({each["pid"] for each in processes}) == 5


def test_the_sum_is_exact_money_and_says_what_it_reveals(user: User) -> None:
    answer = user.types("--profile d sum accounts.balance --json").json
    assert answer["function"] == "sum"
    assert answer["result"] == {"total": "17500.00"}
    assert (answer["parties"], answer["missing"], answer["verified"]) == (BANKS, [], True)
    assert {"what", "to"} == set(answer["leakage"][0])


@pytest.mark.parametrize(
    ("line", "variables"),
    [
        ("sum accounts.balance --json --profile d", {}),
        ("sum --profile d accounts.balance --json", {}),
        ("sum accounts.balance --json --profile=d", {}),
        ("sum accounts.balance --json", {"STEELYARD_PROFILE": "d"}),
    ],
)
def test_the_profile_may_stand_anywhere(user: User, line: str, variables: dict[str, str]) -> None:
    assert user.types(line, **variables).json["result"] == {"total": "17500.00"}


def test_a_filter_is_sql_with_quotes(user: User) -> None:
    answer = user.types("--profile d sum accounts.balance --json --where", "segment = 'retail'").json
    assert answer["where"] == "segment = 'retail'"
    assert answer["result"] == {"total": "5488.80"}


def test_a_mean_shows_what_it_was_made_of(user: User) -> None:
    result = user.types("--profile d mean accounts.balance --json").json["result"]
    assert (result["total"], set(result)) == ("17500.00", {"mean", "total", "count"})


def test_statistics_cover_the_rows_of_all_parties(user: User) -> None:
    result = user.types("--profile d stats accounts.balance --quantiles 0.75 --json").json["result"]
    moments = {"count": 69, "mean": "253.623188", "std": "201.167801"}
    assert result == moments | {"min": "20.27", "max": "691.37", "median": "167.08", "quantiles": {"0.75": "404.82"}}
    bins = user.types("--profile d histogram accounts.balance --edges 0,100,500 --json").json["result"]["bins"]
    assert [each["count"] for each in bins] == [None, 21, 34, None]


def test_a_computation_can_be_seen_again(user: User) -> None:
    asked = user.types("--profile d sum accounts.balance --json").json
    newest = user.types("--profile d computation list --json").json[0]
    assert (newest["id"], newest["state"]) == (asked["computation"], "DONE")
    shown = user.types(f"--profile d computation show {newest['id']}")
    assert shown.code == 0
    assert "17500.00" in shown.out
    assert user.types(f"--profile d computation show {newest['id']} --json").json["result"] == {"total": "17500.00"}


def test_people_get_the_figure_on_stdout_and_the_rest_on_stderr(user: User) -> None:
    answer = user.types("--profile d sum accounts.balance")
    assert answer.code == 0
    assert answer.out.split() == ["total", "17500.00"]
    assert "This revealed" in answer.err


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("--profile d sum accounts.balance --epsilon nonsense", 2, "INVALID"),
        ("--profile d sum accounts.balance --threshold 2", 2, "INVALID"),
        ("--profile d sum balance", 2, "INVALID"),
        ("--profile d sum accounts.nothing", 3, "NOT_FOUND"),
        ("--profile d sum nothing.balance", 3, "NOT_FOUND"),
        (f"--profile d computation show {'0' * 32}", 3, "NOT_FOUND"),
        ("--profile elsewhere sum accounts.balance", 3, "NOT_FOUND"),
        ("local kill bank-z --dir d", 3, "NOT_FOUND"),
        ("local up --dir d --parties 3 --threshold 2", 8, "CONFLICT"),
    ],
)
def test_a_refusal_has_its_exit_code_its_reason_and_nothing_on_stdout(
    user: User, line: str, code: int, reason: str
) -> None:
    ended = user.types(line, "--json")
    assert (ended.code, ended.error["reason"]) == (code, reason), ended
    assert ended.error["advice"]


def test_an_owners_word_is_law(user: User) -> None:
    policy = user.folder / "d" / "nodes" / "bank-c" / "policy.toml"
    before = policy.read_text()
    files.replace(policy, before.replace('"sum", ', "").encode())
    assert policy.read_text() != before
    try:
        ended = user.types("--profile d sum accounts.balance --json")
        assert (ended.code, ended.error["reason"], ended.error["party"]) == (4, "POLICY_REFUSED", "bank-c")
    finally:
        files.replace(policy, before.encode())


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("account,segment,opened,balance\nx,retail,2024-01-01,12.345\n", "line 2"),
        ("account,segment,opened,balance\nx,retail,2024-01-01,1\nx,retail,2024-01-01,NaN\n", "line 3"),
        ("account,segment,opened,amount\nx,retail,2024-01-01,1\n", "line 1, column amount"),
    ],
    ids=["too many decimals", "not a number", "another column"],
)
def test_bad_input_is_named_and_changes_nothing(user: User, text: str, where: str) -> None:
    before = user.types("--profile d data list --party bank-a --json").json
    (user.folder / "bad.csv").write_text(text)
    schema = "examples/balances/accounts.schema.toml"
    line = f"--profile d data import bad.csv --dataset accounts --schema {schema} --party bank-a --json"
    ended = user.types(line)
    assert (ended.code, ended.error["reason"]) == (2, "INVALID")
    assert "bad.csv" in ended.error["message"]
    assert where in ended.error["message"]
    assert user.types("--profile d data list --party bank-a --json").json == before


def test_a_dead_bank_is_named_and_comes_back(user: User) -> None:
    user.types("--profile d sum accounts.balance --json").json  # noqa: B018  # so that leaving one out is refused
    assert user.types("local kill bank-d --dir d").code == 0
    try:
        assert user.types("local kill bank-d --dir d --json").code == 8
        ended = user.types("--profile d sum accounts.balance --json")
        assert (ended.code, ended.error["reason"], ended.error["party"]) == (5, "PARTY_MISSING", "bank-d")
        ended = user.types("--profile d sum accounts.balance --allow-missing --json")
        assert (ended.code, ended.error["reason"]) == (4, "DIFFERENCING_REFUSED")
    finally:
        assert user.types("local start bank-d --dir d").code == 0
    assert user.types("--profile d sum accounts.balance --json").json["result"] == {"total": "17500.00"}


def test_an_interrupted_command_ends_its_computation(user: User) -> None:
    """Ctrl-C while an owner has still to decide."""
    policy = user.folder / "d" / "nodes" / "bank-c" / "policy.toml"
    before = policy.read_text()
    files.replace(policy, before.replace('"automatic"', '"manual"').encode())
    try:
        command = [str(STEELYARD), "--profile", "d", "sum", "accounts.balance"]
        with subprocess.Popen(command, cwd=user.folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
            while not (pending := user.types("--profile d computation pending --party bank-c --json").json):
                assert waiting.poll() is None
            waiting.send_signal(2)
            assert waiting.wait(120) == 130
        shown = user.types(f"--profile d computation show {pending[0]['id']} --json").json
        assert (shown["state"], shown["failure"]["reason"]) == ("ABORTED", "CANCELLED")
    finally:
        files.replace(policy, before.encode())


def test_down_ends_everything_and_up_finds_it_again(user: User) -> None:
    assert user.types("local down --dir d --json").json == {"ended": ["coordinator", *BANKS], "purged": False}
    processes = user.types("local status --dir d --json").json["processes"]
    assert not any(each["running"] for each in processes)
    assert user.types("--profile d sum accounts.balance --json").code == 5
    assert user.types("local up --dir d").code == 0
    assert user.types("--profile d sum accounts.balance --json").json["result"] == {"total": "17500.00"}
