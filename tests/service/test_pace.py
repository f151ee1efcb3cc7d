"""Where steps run: on the loop only after many short ones."""

from __future__ import annotations

import pytest

from steelyard.rpc.pace import AFTER, PROMPT, SHORT, Pace


def paced(*steps: tuple[float, float]) -> Pace:
    pace = Pace()
    for step in [(0.0, 0.0)] * AFTER + list(steps):
        pace.took(*step)
    return pace


def test_a_protocol_begins_in_a_thread() -> None:
    pace = Pace()
    for _ in range(AFTER):
        assert not pace.brisk
        pace.took(0.0, 0.0)
    assert pace.brisk


@pytest.mark.parametrize("step", [(SHORT, SHORT), (0.0, PROMPT)], ids=["computes", "waits"])
def test_after_a_step_that_is_not_short_it_is_in_a_thread_again(step: tuple[float, float]) -> None:
    assert not paced(step).brisk
    assert not paced(step, *[(0.0, 0.0)] * (AFTER - 1)).brisk
    assert paced(step, *[(0.0, 0.0)] * AFTER).brisk
