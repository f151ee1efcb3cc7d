"""Benchmarks: rows are what they say, floors are judged rightly, stdout holds nothing but JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import inputs, processes, table
from benchmarks.floors import FLOORS, Floor, ratio
from benchmarks.jobs import JOBS
from benchmarks.measure import Row, Sample, Setting, alternate, measure, row
from benchmarks.systems.mpyc import commands

KEYS = ["job", "parties", "threshold", "size", "system", "seconds", "bytes_sent_per_party", "rounds", "peak_rss_mb"]
SETTING = Setting("fake", 3, 2, 10)
linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc and sock_diag")


@dataclass
class Fake:
    """A contestant that takes the given seconds, one after the other, and notes when it is its turn."""

    name: str
    seconds: Iterator[float]
    turns: list[str]

    def run(self) -> Sample:
        self.turns.append(self.name)
        return Sample(next(self.seconds), bytes_sent=1000, rounds=4, peak_rss=250_000_000)


@dataclass
class FakeJob:
    seconds: Sequence[float]
    name: str = "fake"
    about: str = "nothing"
    size: int = 10
    runs: int = 3
    systems: tuple[str, ...] = ("steelyard", "mpyc")
    most: Mapping[str, int] = field(default_factory=dict)
    closed: int = 0

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Fake]:
        try:
            yield Fake(system, iter(self.seconds), [])
        finally:
            self.closed += 1


def quiet(line: str) -> None:
    pass


def rows(ours: float, mpyc: float, peak_mb: float | None = 100.0) -> list[Row]:
    mine = Row("sum", 3, 2, 10, "steelyard", ours, 1, 1, peak_mb)
    return [mine, replace(mine, system="mpyc", seconds=mpyc)]


def test_a_row_has_the_promised_keys_in_their_order() -> None:
    made = row(SETTING, "steelyard", [Sample(1.0)])
    assert list(made.to_json()) == KEYS
    assert made.to_json()["bytes_sent_per_party"] is None


def test_seconds_are_the_median_of_all_runs_but_the_first() -> None:
    found = measure(FakeJob([99.0, 5.0, 1.0, 2.0]), SETTING, ["steelyard"], 3, quiet)
    assert [each.seconds for each in found] == [2.0]


def test_memory_is_the_most_of_all_runs_in_millions_of_bytes() -> None:
    made = row(SETTING, "steelyard", [Sample(1.0, peak_rss=300_000_000), Sample(1.0, peak_rss=200_000_000)])
    assert made.peak_rss_mb == 300.0


def test_bytes_are_those_of_a_run_that_happened() -> None:
    made = row(SETTING, "steelyard", [Sample(1.0, bytes_sent=10), Sample(1.0, bytes_sent=20)])
    assert made.bytes_sent_per_party in (10, 20)


def test_systems_take_turns() -> None:
    turns: list[str] = []
    alternate({name: Fake(name, iter([1.0] * 3), turns) for name in "ab"}, 2, quiet)
    assert turns == ["a", "b"] * 3


def test_every_system_is_closed_when_a_run_fails() -> None:
    job = FakeJob([1.0])  # and then there are no more
    with pytest.raises(StopIteration):
        measure(job, SETTING, job.systems, 3, quiet)
    assert job.closed == 2


def test_a_floor_is_met_when_every_limit_is() -> None:
    floor = Floor(SETTING, seconds=1.0, times=8, peak_mb=400)
    assert floor.met(rows(ours=1.0, mpyc=8.0))
    assert not floor.met(rows(ours=1.1, mpyc=88.0))
    assert not floor.met(rows(ours=1.0, mpyc=7.9))
    assert not floor.met(rows(ours=1.0, mpyc=8.0, peak_mb=400.1))


def test_a_floor_beside_other_work_is_held_against_the_idle_system() -> None:
    floor = Floor(SETTING, times_idle=2.0)
    assert floor.systems == ("steelyard", "idle")
    mine = rows(ours=1.0, mpyc=9.0)[0]
    assert floor.met([mine, replace(mine, system="idle", seconds=0.5)])
    assert not floor.met([mine, replace(mine, system="idle", seconds=0.4)])
    assert not floor.met([mine])


def test_a_figure_that_is_missing_meets_no_limit() -> None:
    assert not Floor(SETTING, times=8).met(rows(ours=1.0, mpyc=99.0)[:1])
    assert not Floor(SETTING, peak_mb=400).met(rows(ours=1.0, mpyc=99.0, peak_mb=None))


def test_mpyc_may_be_measured_on_fewer_values_and_is_compared_per_value() -> None:
    job = FakeJob([1.0] * 4, most={"mpyc": 2})
    found = measure(job, SETTING, job.systems, 3, quiet)
    assert [(each.system, each.size) for each in found] == [("steelyard", 10), ("mpyc", 2)]
    assert ratio(found) == 5.0


def test_the_table_shows_what_a_value_costs_where_sizes_differ(capsys: pytest.CaptureFixture[str]) -> None:
    ours, mpyc = rows(ours=1.0, mpyc=1.0)
    table.show([ours, replace(mpyc, size=2)])
    assert "500,000,000" in capsys.readouterr().out
    table.show([ours, mpyc])
    assert "100,000,000" not in capsys.readouterr().out


def test_with_json_stdout_holds_a_list_of_rows_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(JOBS, "help", FakeJob([1.0] * 4))
    assert command.main(["run", "help", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(list(each), each["system"]) for each in shown] == [(KEYS, "steelyard"), (KEYS, "mpyc")]


def test_only_the_systems_asked_for_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(JOBS, "help", FakeJob([1.0] * 4))
    command.main(["run", "help", "--json", "--systems", "mpyc"])
    assert [each["system"] for each in json.loads(capsys.readouterr().out)] == ["mpyc"]


def test_a_floor_that_is_not_met_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(JOBS, "help", FakeJob([1.0] * 4))
    for limit, code in ((1.0, 0), (0.9, 1)):
        monkeypatch.setattr(command, "FLOORS", [Floor(Setting("help", 3, 2, 10), seconds=limit)])
        assert command.main(["all"]) == code
        assert ("NO" in capsys.readouterr().out) == bool(code)


def test_every_floor_is_about_a_job_that_there_is_and_its_systems() -> None:
    for floor in FLOORS:
        assert set(floor.systems) <= set(JOBS[floor.setting.job].systems)


def test_products_fit_wherever_they_are_computed() -> None:
    left, right = inputs.operands(10_000)
    assert left.min() < 0 < left.max()
    assert max(abs(left).max(), abs(right).max()) <= 2**28


def test_inputs_are_the_same_every_time_and_differ_between_parties() -> None:
    first, again, other = inputs.vector(0, 1000), inputs.vector(0, 1000), inputs.vector(1, 1000)
    assert np.array_equal(first, again)
    assert not np.any(first == other)
    assert -(2**39) <= first.min() < 0 < first.max() < 2**39


def test_mpycs_threshold_is_the_number_of_shares_that_say_nothing() -> None:
    made = commands("sum", Setting("sum", 5, 3, 10))
    assert len(made) == 5
    assert {each[each.index("-T") + 1] for each in made} == {"2"}
    assert [each[each.index("-I") + 1] for each in made] == ["0", "1", "2", "3", "4"]


def test_without_an_honest_majority_mpyc_is_not_asked() -> None:
    with (
        pytest.raises(ValueError, match="honest majority"),
        JOBS["sum"].open("mpyc", Setting("sum", 4, 3, 10)),
    ):
        pass


def test_a_wrong_result_has_another_digest() -> None:
    values = inputs.vector(0, 10)
    assert inputs.digest(values) == inputs.digest(values.copy()) != inputs.digest(values + 1)


@pytest.mark.parametrize(("job", "rounds"), [("sum", 3), ("scalar", 3), ("exceeds", 11)])
def test_rounds_are_those_of_the_protocol(job: str, rounds: int) -> None:
    assert JOBS[job].rounds(Setting(job, 3, 2, 10)) == rounds  # type: ignore[attr-defined]


def children() -> set[str]:
    """Process ids of this process's children that have not ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, *_ = stat.read_text().rpartition(")")[2].split()
            found |= {stat.parent.name} if state != "Z" and int(parent) == os.getpid() else set()
    return found


SENDER = """
import os, socket
from benchmarks import processes
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sender:
    receiver, _ = server.accept()
    with receiver:
        before = processes.bytes_sent([os.getpid()])
        sender.sendall(bytes(12_345))
        after = processes.bytes_sent([os.getpid()])
print(after[0] - before[0])
"""


@linux
def test_bytes_sent_over_tcp_are_counted_exactly() -> None:
    """In a process of its own: this one may still hold connections of other tests."""
    counted = subprocess.run([sys.executable, "-c", SENDER], capture_output=True, text=True, timeout=180, check=True)
    assert int(counted.stdout) == 12_345


@linux
def test_peak_memory_is_at_least_what_was_touched() -> None:
    touched = np.ones(10_000_000, dtype=np.uint8)
    peak = processes.peak_rss([os.getpid()])
    assert peak is not None
    assert peak > touched.nbytes


@linux
@pytest.mark.processes
def test_both_systems_do_the_same_sum_and_leave_no_process(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mpyc")
    before = children()
    assert command.main(["run", "sum", "--size", "50", "--runs", "1", "--json"]) == 0
    assert children() <= before
    shown = json.loads(capsys.readouterr().out)
    assert [each["system"] for each in shown] == ["steelyard", "mpyc"]
    assert all(each["seconds"] > 0 for each in shown)


@linux
@pytest.mark.processes
@pytest.mark.parametrize(("job", "systems"), [("compare", "steelyard,mpyc"), ("sort", "steelyard")])
def test_engines_alone_compute_what_is_expected(job: str, systems: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mpyc")
    before = children()
    assert command.main(["run", job, "--size", "70", "--runs", "1", "--json", "--systems", systems]) == 0
    assert children() <= before
    shown = json.loads(capsys.readouterr().out)
    assert [each["system"] for each in shown] == systems.split(",")
    assert shown[0]["rounds"] >= 6
    assert all(each["bytes_sent_per_party"] > 70 for each in shown)
