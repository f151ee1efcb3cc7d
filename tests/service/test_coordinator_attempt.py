"""Which failure counts, and who is called a cheat."""

from __future__ import annotations

from itertools import permutations
from typing import Final

import pytest

from coordinator.attempt import choose, weighed
from steelyard.errors import Cheated, Conflict, Failed, PolicyRefused, SteelyardError, TimedOut

PARTIES: Final = ("bank-a", "bank-b", "bank-c", "bank-d")


def told(*failures: SteelyardError, threshold: int = 2) -> SteelyardError:
    reported = {failure.party: failure for failure in failures}
    return weighed(choose(reported), reported.values(), threshold)


def accusing(party: str, culprit: str) -> Cheated:
    return Cheated("the shares do not match", party=party, culprits=[culprit])


def test_one_node_alone_makes_nobody_a_cheat() -> None:
    failure = told(accusing("bank-b", "bank-c"), Failed("gave up", party="bank-a"), PolicyRefused("no", party="bank-c"))
    assert (failure.culprits, failure.suspects) == ((), ("bank-b", "bank-c"))


def test_as_many_nodes_as_the_threshold_include_an_honest_one() -> None:
    failure = told(accusing("bank-a", "bank-c"), accusing("bank-b", "bank-c"))
    assert (failure.culprits, failure.suspects) == (("bank-c",), ())


def test_who_accuses_itself_does_not_count_as_an_accuser() -> None:
    failure = told(accusing("bank-a", "bank-c"), accusing("bank-c", "bank-c"))
    assert failure.culprits == ()
    assert "bank-c" in failure.suspects


def test_what_is_no_cheat_stays_what_it_is() -> None:
    refusal = PolicyRefused("no", party="bank-b")
    assert told(refusal, Failed("gave up", party="bank-a")) is refusal


@pytest.mark.parametrize("order", [*permutations(PARTIES)], ids=" ".join)
def test_who_is_silent_and_gives_up_first_does_not_make_another_the_silent_one(order: tuple[str, ...]) -> None:
    """Who sends nothing hears from nobody in the round after, and its patience may end before that of the others."""
    reports = {party: TimedOut("no deal message from bank-b", party="bank-b") for party in order}
    reports["bank-b"] = TimedOut("no check message from bank-a, bank-c, bank-d", party="bank-a")
    assert choose(reports).party == "bank-b"


@pytest.mark.parametrize("order", [*permutations(PARTIES)], ids=" ".join)
def test_who_says_that_it_stands_at_another_epoch_does_not_make_that_of_another(order: tuple[str, ...]) -> None:
    reports = {party: Conflict("bank-b stands at another epoch of @pool", party="bank-b") for party in order}
    reports["bank-b"] = Conflict("bank-a stands at another epoch of @pool", party="bank-a")
    assert choose(reports).party == "bank-b"
