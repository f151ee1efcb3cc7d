"""Which failure counts, and who is called a cheat."""

from __future__ import annotations

from coordinator.attempt import choose, weighed
from steelyard.errors import Cheated, Failed, PolicyRefused, SteelyardError


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
