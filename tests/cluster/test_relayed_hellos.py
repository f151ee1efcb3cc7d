"""A coordinator that relays hellos and lies about them: what is old, of another or used up begins no attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from steelyard.documents.attempt import Hello
from steelyard.documents.signed import Signed, read
from steelyard.errors import Cheated, Conflict, Invalid, SteelyardError
from steelyard.randomness import token
from tests.cluster import scenarios
from tests.cluster.hostile import Hostile
from tests.cluster.in_process import InProcess
from tests.cluster.runner import PARTIES

pytestmark = pytest.mark.xdist_group("in_process")


@pytest.fixture
def hostile(in_process: InProcess) -> Hostile:
    return Hostile(in_process)


def attempt() -> str:
    return token(16).hex()


def everybody(
    hostile: Hostile, signed: Signed, number: str, told: Mapping[str, Sequence[Signed]]
) -> dict[str, SteelyardError | None]:
    """One attempt, in which every party is told its own hellos."""

    async def run() -> list[SteelyardError | None]:
        return await asyncio.gather(*(hostile.run(party, signed, number, PARTIES, told[party]) for party in PARTIES))

    return dict(zip(PARTIES, hostile.runner.run(run(), timeout=180), strict=True))


def nothing_was_released(hostile: Hostile, signed: Signed) -> None:
    computation = hostile.request_of(signed)
    assert hostile.runner.run(hostile.released(computation)) == []
    assert hostile.entered(computation) == []
    assert not any(node.engine._hellos._said for node in hostile.runner.nodes.values())
    scenarios.again(hostile.runner)


def test_an_honest_relay_brings_a_result(hostile: Hostile) -> None:
    signed, number = hostile.signed(hostile.request()), attempt()
    hellos = hostile.runner.run(hostile.hellos(signed, number))
    ended = everybody(hostile, signed, number, dict.fromkeys(PARTIES, hellos))
    assert set(ended.values()) == {None}
    assert hostile.runner.run(hostile.released(hostile.request_of(signed))) == list(PARTIES)
    again = hostile.runner.run(hostile.run("bank-a", signed, number, PARTIES, hellos))
    assert isinstance(again, Conflict), "a hello was used twice"


def test_a_hello_of_an_earlier_attempt_is_refused_by_who_hears_it(hostile: Hostile) -> None:
    """Bank-d's key of an attempt that never began."""
    signed, number = hostile.signed(hostile.request()), attempt()
    old = hostile.runner.run(hostile.hellos(signed, attempt()))
    new = hostile.runner.run(hostile.hellos(signed, number))
    assert {read(Hello, each.payload).key for each in old}.isdisjoint(read(Hello, each.payload).key for each in new)
    ended = everybody(hostile, signed, number, {party: [*new[:3], old[3]] for party in PARTIES})
    for party in PARTIES[:3]:
        error = ended[party]
        assert isinstance(error, Cheated), ended
        assert "coordinator" in error.suspects
        assert not error.culprits
    nothing_was_released(hostile, signed)


def test_hellos_of_another_request_are_refused(hostile: Hostile) -> None:
    signed, other, number = hostile.signed(hostile.request()), hostile.signed(hostile.request()), attempt()
    mine = hostile.runner.run(hostile.hellos(signed, number))
    theirs = hostile.runner.run(hostile.hellos(other, attempt()))
    ended = everybody(hostile, signed, number, {party: [*theirs[:2], *mine[2:]] for party in PARTIES})
    assert all(isinstance(error, Cheated) and "coordinator" in error.suspects for error in ended.values()), ended
    for party in PARTIES:
        hostile.runner.nodes[party].engine.cancel(hostile.request_of(other))
    nothing_was_released(hostile, signed)


def test_swapped_hellos_are_refused(hostile: Hostile) -> None:
    signed, number = hostile.signed(hostile.request()), attempt()
    a, b, c, d = hostile.runner.run(hostile.hellos(signed, number))
    ended = everybody(hostile, signed, number, {party: [a, b, d, c] for party in PARTIES})
    assert all(isinstance(error, Cheated) for error in ended.values()), ended
    nothing_was_released(hostile, signed)


def test_no_node_signs_two_hellos_for_one_attempt(hostile: Hostile) -> None:
    signed, number = hostile.signed(hostile.request()), attempt()
    assert hostile.runner.run(hostile.propose("bank-a", signed, number, PARTIES)).HasField("hello")
    assert not hostile.runner.run(hostile.propose("bank-a", signed, number, PARTIES)).HasField("hello")
    hostile.runner.nodes["bank-a"].engine.cancel(hostile.request_of(signed))
    assert not hostile.runner.run(hostile.propose("bank-a", signed, number, PARTIES)).HasField("hello")
    nothing_was_released(hostile, signed)


def test_hellos_for_an_attempt_that_was_never_announced_are_refused(hostile: Hostile) -> None:
    signed, number = hostile.signed(hostile.request()), attempt()
    hellos = hostile.runner.run(hostile.hellos(signed, number))
    ended = everybody(hostile, signed, attempt(), dict.fromkeys(PARTIES, hellos))
    assert all(isinstance(error, Conflict) for error in ended.values()), ended
    for party in PARTIES:
        hostile.runner.nodes[party].engine.cancel(hostile.request_of(signed))
    nothing_was_released(hostile, signed)


def test_other_participants_than_those_of_the_hello_are_refused(hostile: Hostile) -> None:
    signed, number = hostile.signed(hostile.request(asked={"allow_missing": True})), attempt()
    hellos = hostile.runner.run(hostile.hellos(signed, number))
    refused = hostile.runner.run(hostile.run("bank-a", signed, number, PARTIES[:3], hellos[:3]))
    assert isinstance(refused, Conflict)
    short = hostile.runner.run(hostile.run("bank-a", signed, number, PARTIES, hellos[:3]))
    assert isinstance(short, Invalid)
    for party in PARTIES:
        hostile.runner.nodes[party].engine.cancel(hostile.request_of(signed))
    nothing_was_released(hostile, signed)


def test_one_who_is_told_no_hellos_waits_and_blames_nobody(hostile: Hostile) -> None:
    """Some are at the round after the one that others wait for."""
    signed, number = hostile.signed(hostile.request()), attempt()
    hellos = hostile.runner.run(hostile.hellos(signed, number))
    ended = everybody(hostile, signed, number, {party: hellos if party < "bank-d" else () for party in PARTIES})
    assert all(error is not None and not isinstance(error, Cheated) for error in ended.values()), ended
    hostile.runner.nodes["bank-d"].engine.cancel(hostile.request_of(signed))
    nothing_was_released(hostile, signed)


def test_a_hello_is_for_those_who_approve(hostile: Hostile) -> None:
    signed = hostile.signed(hostile.request(column="nothing.here"))
    answer = hostile.runner.run(hostile.propose("bank-a", signed, attempt(), PARTIES))
    assert not answer.HasField("hello")
