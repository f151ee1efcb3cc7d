"""Ten thousand schedules of changes under crashes, partitions, lost disks and two-faced voters: nothing is lost.

A failure names its seed; `run(seed, options)` of simulation.schedule does it all again.
"""

from __future__ import annotations

import pytest
from simulation.real import RealSchedule, Shelves
from simulation.schedule import Options, Outcome, run
from simulation.shapes import EACH, HONEST, PARTS, SHAPES, TWO_FACED

from steelyard.epochs import crash_points


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("shape", SHAPES)
def test_no_schedule_loses_a_value_or_leaves_anybody_behind(shape: str, part: int) -> None:
    first = part * EACH // PARTS
    outcomes = [run(seed, SHAPES[shape]) for seed in range(first, first + EACH // PARTS)]
    assert sum(outcome.commits for outcome in outcomes) >= len(outcomes) // 10  # or they would say nothing


@pytest.mark.parametrize(
    "shape",
    [
        "2-of-3",
        "3-of-5, a disk is lost",
        "3-of-5, holders change",
        "3-of-5, a saboteur, a disk is lost",
        "2-of-5, one lies",
        "3-of-5, one lies, a disk is lost",
        "2-of-3, a saboteur and a liar",
    ],
)
def test_with_the_real_protocols_nothing_is_lost_either(shape: str) -> None:
    outcomes = [RealSchedule(seed, SHAPES[shape]).run() for seed in range(25)]
    assert sum(outcome.commits for outcome in outcomes) >= 5


def test_recoveries_by_the_real_protocol_give_lost_shares_back(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    restore = Shelves.restore
    monkeypatch.setattr(Shelves, "restore", lambda self, *a: (given.append(self.node.party), restore(self, *a)))
    for seed in range(8):
        RealSchedule(seed, SHAPES["3-of-5, a disk is lost"]).run()
    assert len(given) >= 8


def test_there_are_ten_thousand_and_in_half_of_them_somebody_lies() -> None:
    assert EACH * len(SHAPES) >= 10_000
    assert len(HONEST) == len(TWO_FACED)
    assert all(each.two_faced for each in TWO_FACED.values())


def test_the_same_seed_is_the_same_schedule() -> None:
    def story(seed: int) -> Outcome:
        return run(seed, SHAPES["3-of-5, one lies, a disk is lost"])

    assert [story(seed) for seed in range(10)] == [story(seed) for seed in range(10)]
    assert story(1) != story(2)


def test_schedules_pass_every_crash_point() -> None:
    passed: set[str] = set()
    for seed in range(60):
        passed |= run(seed, Options(5, 3, 2, two_faced=1, losses=1)).passed
    assert set(crash_points.NAMES) <= passed
