"""The skeleton round that is measured clears what a round of firms clears."""

from __future__ import annotations

import pytest
from protocols.consortium import Consortium

from benchmarks.systems import skeleton_program
from benchmarks.systems.engine_programs import PROGRAMS, meet
from steelyard.protocols.attempt import Attempt
from steelyard.rounds import Protocol, run_locally
from steelyard.setoff.schedule import Schedule

FIRMS = 6


def test_its_result_is_near_the_optimum_and_not_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skeleton_program, "SCHEDULE", Schedule(steps=40))
    consortium, program = Consortium(3, 2), PROGRAMS["set-off-skeleton"]

    def played(attempt: Attempt) -> Protocol[list[int]]:
        circle = yield from meet(attempt)
        result = yield from program.compute(circle, program.prepare(attempt, FIRMS))
        return list((yield from program.open(circle, result)))

    outcome = run_locally({party: played(consortium.attempt(party)) for party in consortium.parties})
    assert list(outcome.values()) == [skeleton_program.enough(FIRMS).tolist()] * 3
