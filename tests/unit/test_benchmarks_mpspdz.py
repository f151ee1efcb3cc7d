"""Benchmarks of MP-SPDZ: what is called, what is read from what it says; a tree of stand-ins takes its place."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks.jobs import compare
from benchmarks.measure import Setting, WrongResult
from benchmarks.systems import mpspdz
from benchmarks.systems.mpspdz import SOURCES, SYSTEMS, TREE, timed

SHAMIR, RING = SYSTEMS["mp-spdz-shamir"], SYSTEMS["mp-spdz-rep-ring"]
SAID = """\
Using statistical security parameter 40
Starting timer 1 at 0 (0 MB, 0 rounds) after 0.00312
Stopped timer 1 at 5.23981 (47.9012 MB, 2263 rounds)
The following benchmarks are including preprocessing (offline phase).
Time = 5.61201 seconds
Time1 = 5.23981 seconds (47.9012 MB, 2263 rounds)
Data sent = 52.7123 MB in ~2301 rounds (party 0 only; use '-v' for more details)
Global data sent = 158.137 MB (all parties)
"""
PARTY = f"""\
#!{sys.executable}
import sys
import numpy as np
party = sys.argv[sys.argv.index("-p") + 1]
prefix = sys.argv[sys.argv.index("-IF") + 1]
left, right = (np.loadtxt(f"{{prefix}}-P{{each}}-0", dtype=np.int64) for each in (0, 1))
(left < right).astype("<i8").tofile(f"Player-Data/Binary-Output-P{{party}}-0")
if party == "0":
    sys.stderr.write({SAID!r})
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that does nothing, and parties that compute in the clear."""
    for folder in ("Programs/Source", "Player-Data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "compile.py").write_text("")
    (tmp_path / "Player-Data" / "P2.pem").touch()
    (tmp_path / SHAMIR.machine).write_text(PARTY)
    (tmp_path / SHAMIR.machine).chmod(0o700)
    monkeypatch.setenv(TREE, str(tmp_path))
    return tmp_path


def test_its_own_timer_counts_and_not_the_launch() -> None:
    sample = timed(SAID, 1_000)
    assert (sample.seconds, sample.bytes_sent, sample.rounds, sample.peak_rss) == (5.23981, 47_901_200, 2263, 1_000)


@pytest.mark.parametrize("shown", ["Time1 = 1.5e-05 seconds (1e-05 MB, 1 rounds)\n"])
def test_small_figures_are_read_too(shown: str) -> None:
    assert timed(shown, None).seconds == 1.5e-05


def test_without_its_timer_there_is_no_figure() -> None:
    with pytest.raises(ValueError, match="did not show its timer"):
        timed("Time = 5.6 seconds \n", None)


def test_comparisons_are_compiled_with_what_is_fastest() -> None:
    made = SHAMIR.compile("compare", 1_000_000)
    assert made[1:] == ["compile.py", "-F", "64", "-Y", "steelyard_compare", "1000000", "100000"]
    assert RING.compile("sort", 10)[1:] == ["compile.py", "-R", "64", "-Z", "3", "steelyard_sort", "10", "10"]


def test_products_are_compared_in_a_field_of_our_size() -> None:
    assert SHAMIR.compile("multiply", 10)[2:4] == ["-P", "2305843009213693951"]


def test_its_threshold_is_the_number_of_shares_that_say_nothing() -> None:
    made = SHAMIR.commands("compare", Setting("compare", 5, 3, 10), 20_000, "Input")
    assert [each[:3] for each in made] == [["./shamir-party.x", "-p", str(party)] for party in range(5)]
    assert " ".join(made[0][3:]) == "-pn 20000 -h 127.0.0.1 -IF Input -N 5 -T 2 steelyard_compare-10-10"
    assert "-N" not in RING.commands("compare", Setting("compare", 3, 2, 10), 20_000, "Input")[0]


def test_inputs_and_opening_are_outside_its_timer() -> None:
    for source in SOURCES.values():
        compile(source, "program", "exec")
        assert source.index("input_from") < source.index("start_timer")
        assert source.index("stop_timer") < source.index("reveal")


def test_what_cannot_be_measured_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(TREE, raising=False)
    assert command.main(["run", "compare", "--systems", "mp-spdz-shamir"]) == 1
    assert f"mp-spdz-shamir is left out: set {TREE} to a built tree" in capsys.readouterr().err
    assert "2-of-3 only" in RING.missing(Setting("compare", 5, 3, 10))
    assert "honest majority" in SHAMIR.missing(Setting("compare", 4, 3, 10))


def test_a_tree_without_parties_is_not_a_built_one(tree: Path) -> None:
    setting = Setting("compare", 3, 2, 10)
    assert SHAMIR.missing(setting) == ""
    assert RING.missing(setting) == f"{TREE} has no {RING.machine}"
    assert "P4.pem" in SHAMIR.missing(Setting("compare", 5, 3, 10))


def test_a_launch_is_timed_by_what_party_0_says_and_its_result_is_checked(tree: Path) -> None:
    setting = Setting("compare", 3, 2, 20)
    with compare.JOB.open("mp-spdz-shamir", setting) as launches:
        sample = launches.run()
    assert sample.seconds == 5.23981
    assert sample.peak_rss is not None
    assert (tree / "Programs" / "Source" / "steelyard_compare.mpc").exists()
    with (
        mpspdz.stand_ready(SHAMIR, "compare", setting, np.zeros(20, np.int64)) as launches,
        pytest.raises(WrongResult),
    ):
        launches.run()


def test_a_party_that_fails_ends_the_benchmark(tree: Path) -> None:
    (tree / SHAMIR.machine).write_text("#!/bin/sh\necho lost; exit 1\n")
    with (
        compare.JOB.open("mp-spdz-shamir", Setting("compare", 3, 2, 20)) as launches,
        pytest.raises(ChildProcessError, match="lost"),
    ):
        launches.run()
