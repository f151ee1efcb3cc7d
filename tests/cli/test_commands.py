"""What commands print, with a client and an owner that answer from memory."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Self

import pytest
from msgspec import structs

from clients.cli import output
from clients.cli.__main__ import run
from clients.sdk.records import Audit, AuditEntry, Budget, Ledger, OwnedDataset, OwnerRequest, Release
from clients.sdk.results import Column, Computation, Dataset, Leak, Party, Problem, Progress, Result
from steelyard.documents.request import Request
from steelyard.documents.signed import Signed
from steelyard.errors import Cheated, Conflict, Unauthenticated

ID = "5eed" * 8
LEAK = Leak(what="the sum of accounts.balance", to="requester analyst")
SEGMENT = Column(name="segment", type="text", decimals=0, groups=("retail",))
ACCOUNTS = Dataset(name="accounts", columns=(SEGMENT,))
ASKED = Request(
    computation=ID,
    manifest="0" * 64,
    requester="analyst",
    function="sum",
    arguments={"dataset": "accounts", "column": "balance", "where": "a = 1"},
    created_ms=1,
    expires_ms=2,
)


def computation(state: str = "DONE", problem: Problem | None = None) -> Computation:
    signed = Signed(kind="request", payload=b"", signer="analyst", signature=b"")
    progress = (Progress(party="bank-a", state="done"), Progress(party="bank-b", state="running", step="deal"))
    return Computation(ID, state, 1, 2, progress, problem, 1, ASKED, signed)


def result(**changes: Any) -> Result:
    fields: dict[str, Any] = {
        "function": "sum",
        "computation": ID,
        "dataset": "accounts",
        "column": "balance",
        "where": "",
        "value": {"total": "17500.00"},
        "parties": ("bank-a", "bank-b"),
        "missing": (),
        "verified": True,
        "checked": True,
        "culprits": (),
        "rejected": (),
        "leakage": (LEAK,),
    }
    return Result(**fields | changes)


class Memory:
    """Both a client and an owner."""

    party = "bank-a"
    desk = SimpleNamespace(leakage=lambda _: (LEAK,))

    def __init__(self) -> None:
        self.found = computation()
        self.result = result()
        self.intact = True
        self.pending = True
        self.asked: list[tuple[Any, ...]] = []
        self.request = OwnerRequest(asked=ASKED, decision="pending", received_ms=3, leakage=(LEAK,))
        self.data = OwnedDataset(dataset=ACCOUNTS, rows=3, version="1" * 32, imported_ms=4)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, function: str, column: str, **asked: Any) -> Result:
        self.asked.append((function, column, asked))
        asked["on_progress"](self.found)
        return self.result

    def get(self, _: str) -> Computation:
        return self.found

    cancel = get

    def list(self, limit: int) -> tuple[Computation, ...]:
        return (self.found,) * min(limit, 2)

    def watch(self, _: str, timeout: float) -> tuple[Computation, ...]:
        return (computation("RUNNING"), self.found)

    def results(self, _: str) -> Result:
        return self.result

    def parties(self) -> tuple[Party, ...]:
        found = Party(
            id="bank-a",
            reachable=True,
            seen_ms=5,
            version="0.1.0",
            certificate_days=6,
            manifest="",
            problem="",
            datasets=(ACCOUNTS,),
        )
        return (found,)

    def requests(self, pending_only: bool = False) -> tuple[OwnerRequest, ...]:
        return (self.request,) if self.pending else ()

    def approve(self, _: str) -> OwnerRequest:
        return self.request

    refuse = approve

    def import_dataset(self, *_: object) -> OwnedDataset:
        return self.data

    def datasets(self) -> tuple[OwnedDataset, ...]:
        return (self.data,)

    def delete_dataset(self, dataset: str) -> None:
        self.asked.append(("delete", dataset))

    def audit(self, after: int, limit: int) -> Audit:
        entry = AuditEntry(sequence=1, time_ms=7, event="asked", fields={"function": "sum"}, digest="a" * 64)
        return Audit(entries=(entry,), intact=self.intact, head="a" * 64)

    def ledger(self) -> Ledger:
        release = Release(
            computation=ID,
            column="accounts.balance",
            filter="",
            function="sum",
            requester="analyst",
            parties=("bank-a",),
            time_ms=8,
            epsilon="",
        )
        return Ledger(releases=(release,), budgets=(Budget(dataset="accounts", spent="0", allowed="1"),))


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()
    for module in ("computation", "party", "invocation"):  # the last one is where the others take it from
        monkeypatch.setattr(f"clients.cli.{module}.open_client", lambda: found)
    for module in ("data", "audit", "ledger"):
        monkeypatch.setattr(f"clients.cli.{module}.open_owner", lambda party="": found)
    for module in ("computation", "data"):
        monkeypatch.setattr(f"clients.cli.{module}.open_owners", lambda party="": [found])
    return found


COMMANDS = [
    ["sum", "accounts.balance"],
    ["count", "accounts.balance"],
    ["mean", "accounts.balance"],
    ["hhi", "accounts.balance", "--group-by", "segment"],
    ["correlate", "accounts.balance", "accounts.income"],
    ["regress", "accounts.default", "--on", "accounts.income,age"],
    ["compare", "accounts.balance", "--than", "a = 1"],
    ["top", "accounts.balance"],
    ["auction", "orders", "--from", "1", "--to", "2", "--tick", "0.5"],
    ["computation", "list"],
    ["computation", "show", ID],
    ["computation", "cancel", ID],
    ["computation", "pending"],
    ["computation", "approve", ID],
    ["computation", "refuse", ID],
    ["party", "list"],
    ["data", "import", "accounts.csv"],
    ["data", "list"],
    ["data", "delete", "accounts"],
    ["audit", "show"],
    ["ledger", "show"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_with_json_stdout_is_one_document(
    memory: Memory, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)
    assert shown.out.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_people_get_a_table_without_colours_in_a_pipe(
    memory: Memory, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 0
    shown = capsys.readouterr()
    assert shown.out.strip()
    assert "\x1b" not in shown.out + shown.err


def test_other_columns_are_named_with_their_dataset_or_without(memory: Memory) -> None:
    assert run(["correlate", "accounts.balance", "accounts.income", "--json"]) == 0
    assert run(["regress", "accounts.default", "--on", "accounts.income, age", "--json"]) == 0
    asked = [(function, column, more["options"]) for function, column, more in memory.asked]
    assert asked == [
        ("correlate", "accounts.balance", {"other": "income"}),
        ("regress", "accounts.default", {"on": ["income", "age"]}),
    ]


def test_columns_of_two_datasets_are_not_related(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["correlate", "accounts.balance", "loans.income"]) == 2
    assert "no column of 'accounts'" in capsys.readouterr().err
    assert not memory.asked


def test_a_regression_is_a_table_of_coefficients(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    line = {"name": "income", "coefficient": "3.5", "standard_error": "0.5", "t": "7"}
    none = {"name": "age", "coefficient": None, "standard_error": None, "t": None}
    memory.result = result(function="regress", value={"coefficients": [line, none], "r2": "0.9", "count": 12})
    assert run(["regress", "accounts.default", "--on", "income,age"]) == 0
    shown = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert shown == [["name", *list(line)[1:]], [*line.values()], ["age"], ["r2", "0.9"], ["count", "12"]]


def test_owners_and_requesters_see_every_column_that_is_asked_about(
    memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = {"dataset": "accounts", "column": "default", "on": ["income", "age"]}
    asked = structs.replace(ASKED, function="regress", arguments=arguments)
    memory.request = structs.replace(memory.request, asked=asked)
    assert run(["computation", "pending"]) == 0
    assert "regress of accounts.default,income,age" in capsys.readouterr().out


def test_a_sum_in_json_has_the_promised_keys(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sum", "accounts.balance", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    promised = {"function", "computation", "dataset", "column", "where", "result", "parties", "missing", "verified"}
    assert promised | {"leakage"} <= set(shown)
    assert shown["result"] == {"total": "17500.00"}
    assert shown["leakage"] == [{"what": LEAK.what, "to": LEAK.to}]


def test_options_reach_the_client(memory: Memory) -> None:
    options = "--where|a = 1|--group-by|segment|--groups|x, y|--epsilon|0.5|--allow-missing|--purpose|why|--timeout|5"
    assert run(["mean", "accounts.balance", *options.split("|")]) == 0
    function, column, asked = memory.asked[0]
    asked.pop("on_progress")
    assert (function, column) == ("mean", "accounts.balance")
    assert asked == {
        "where": "a = 1",
        "group_by": "segment",
        "groups": ["x", "y"],
        "epsilon": "0.5",
        "allow_missing": True,
        "purpose": "why",
        "timeout": 5.0,
    }


def test_a_vector_option_is_the_vectors_length(memory: Memory) -> None:
    assert run(["sum", "accounts.balance", "--vector", "3"]) == 0
    assert memory.asked[0][2]["length"] == 3


def test_a_suppressed_cell_is_called_suppressed(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [{"group": "retail", "total": "1.00"}, {"group": "public", "total": None, "suppressed": True}]
    memory.result = result(value={"groups": cells})
    assert run(["sum", "accounts.balance", "--group-by", "segment"]) == 0
    assert "suppressed (too few rows)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("stats accounts.balance --quantiles 0.1,0.9", {"quantiles": ["0.1", "0.9"], "median": True}),
        ("stats accounts.balance --no-median", {"quantiles": [], "median": False}),
        ("histogram accounts.balance --edges=-5,2.50", {"edges": ["-5", "2.50"]}),
    ],
)
def test_what_one_function_takes_reaches_the_client(memory: Memory, line: str, options: dict[str, Any]) -> None:
    assert run(line.split()) == 0
    assert memory.asked[0][0] == line.split()[0]
    assert memory.asked[0][2]["options"] == options


def test_a_quantile_is_a_figure_of_its_own(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    memory.result = result(value={"count": 3, "std": None, "quantiles": {"0.9": "3.00"}})
    assert run(["stats", "accounts.balance", "--quantiles", "0.9"]) == 0
    assert capsys.readouterr().out.split() == ["count", "3", "std", "none", "quantile", "0.9", "3.00"]


def test_a_histogram_has_a_line_for_each_bin(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    bins = [
        {"from": None, "below": "-5", "count": 3},
        {"from": "-5", "below": None, "count": None, "suppressed": True},
    ]
    memory.result = result(value={"groups": [{"group": "retail", "bins": bins}]})
    assert run(["histogram", "accounts.balance", "--edges=-5", "--group-by", "segment"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["group", "from", "below", "rows"]
    assert lines[1] == ["retail", "-5", "3"]
    assert lines[2][:3] == ["retail", "-5", "suppressed"]


def test_what_weakens_a_result_is_said_on_stderr(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    memory.result = result(verified=False, missing=("bank-c",), culprits=("bank-b",), rejected=("bank-a",))
    assert run(["sum", "accounts.balance"]) == 0
    shown = capsys.readouterr()
    assert all(text in shown.err for text in ("Not verified", "Without: bank-c", "corrected, came from: bank-b"))
    assert "bank-c" not in shown.out


def test_a_watch_in_json_prints_a_line_for_each_change(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["computation", "watch", ID, "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["RUNNING", "DONE"]


def test_a_watch_exits_as_the_computation_ends(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    suspects = ("bank-a", "bank-b")
    problem = Problem(reason="CHEATED", message="a share was wrong", culprits=("bank-b",), suspects=suspects)
    memory.found = computation("ABORTED", problem)
    assert run(["computation", "watch", ID]) == Cheated.exit_code
    shown = capsys.readouterr().err
    assert "proven to have cheated: bank-b" in shown
    assert "one of these cheated: bank-a, bank-b" in shown


def test_a_computation_that_waits_shows_what_it_would_reveal(
    memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    memory.found = computation("PROPOSED")
    assert run(["computation", "show", ID]) == 0
    assert LEAK.what in capsys.readouterr().err


def test_an_owner_sees_every_leak_before_deciding(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    leaks = (LEAK, Leak(what="the number of rows", to=LEAK.to))
    memory.request = structs.replace(memory.request, leakage=leaks)
    assert run(["computation", "pending"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{leak.what} -> {leak.to}" in shown for leak in leaks)


def test_a_decision_about_nothing_that_waits_is_a_conflict(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.pending = False
    monkeypatch.setattr("clients.cli.computation.open_owners", lambda party="": [memory, memory])
    assert run(["computation", "approve", ID]) == Conflict.exit_code


def test_a_broken_audit_chain_is_shown_and_exits_6(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    memory.intact = False
    assert run(["audit", "show", "--json"]) == Cheated.exit_code
    assert json.loads(capsys.readouterr().out)["intact"] is False


def test_no_color_goes_before_a_terminal(memory: Memory, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes a pipe for a terminal
    monkeypatch.setenv("TERM", "xterm-256color")
    error = Unauthenticated("no")
    output.fail(error, json=False)
    assert "\x1b[1;31m" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    output.fail(error, json=False)
    assert "31m" not in capsys.readouterr().err
