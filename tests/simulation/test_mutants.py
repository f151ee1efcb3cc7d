"""Without any one of its rules the machine loses something in these schedules: they would notice."""

from __future__ import annotations

import pytest
from simulation.mutants import MUTANTS, Mutant
from simulation.schedule import Violation, run


def caught(mutant: Mutant) -> int:
    """The first seed that shows that the rule is missing, -1 if there is none."""
    for seed in range(mutant.seeds):
        try:
            run(seed, mutant.options)
        except Violation:
            return seed
    return -1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_without_this_rule_something_is_lost_and_with_it_nothing(mutant: Mutant) -> None:
    with pytest.MonkeyPatch.context() as patch:
        mutant.apply(patch)
        seed = caught(mutant)
    assert seed >= 0, f"{mutant.seeds} schedules did not notice"
    run(seed, mutant.options)
