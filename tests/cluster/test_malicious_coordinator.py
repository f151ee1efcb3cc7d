"""A coordinator that lies to the nodes learns nothing, and nobody else does: they find out among themselves."""

from __future__ import annotations

import asyncio

import pytest

from clients.sdk.questions import Asked
from node.training import KeptSums
from steelyard.documents.signed import Signed
from steelyard.errors import Cheated, Conflict, DifferencingRefused, PolicyRefused
from steelyard.ids import ComputationId
from steelyard.randomness import token
from tests.cluster import scenarios
from tests.cluster.hostile import Hostile, later
from tests.cluster.in_process import InProcess
from tests.cluster.runner import PARTIES

pytestmark = pytest.mark.xdist_group("in_process")

FIRST, SECOND = PARTIES[:3], PARTIES[1:]
BRIEF_MS = 6_000  # of life, in which all nodes have to approve a request on a busy machine
CURRENT: Asked = {"options": {"ratios": ["current"]}}


@pytest.fixture
def hostile(in_process: InProcess) -> Hostile:
    return Hostile(in_process)


def proposed(hostile: Hostile, column: str, **changes: object) -> Signed:
    """A request that every node has approved."""
    signed = hostile.signed(hostile.request(column=column), **changes)
    for party in PARTIES:
        hostile.runner.run(hostile.propose(party, signed))
    return signed


def nothing_was_released(hostile: Hostile, signed: Signed) -> None:
    computation = hostile.request_of(signed)
    assert hostile.runner.run(hostile.released(computation)) == []
    assert hostile.entered(computation) == []
    scenarios.again(hostile.runner)


def test_two_questions_under_one_id_are_found_out(hostile: Hostile) -> None:
    """Two banks are asked for the sum, two for the same sum of the retail segment."""
    request = hostile.request()
    one = hostile.signed(request)
    other = hostile.signed(request, arguments=request.arguments | {"where": "segment = 'retail'"})
    for party, signed in zip(PARTIES, (one, one, other, other), strict=True):
        hostile.runner.run(hostile.propose(party, signed))
    told = {"bank-c": other, "bank-d": other}
    ended = hostile.runner.run(hostile.attempt(dict.fromkeys(PARTIES, PARTIES), one, told))
    assert all(isinstance(error, Cheated) for error in ended.values()), ended
    nothing_was_released(hostile, one)


def test_different_participants_in_one_attempt_are_found_out(hostile: Hostile) -> None:
    signed = proposed(hostile, "halves.amount", allow_missing=True)
    groups = {"bank-a": FIRST, "bank-b": PARTIES, "bank-c": PARTIES, "bank-d": PARTIES}
    ended = hostile.runner.run(hostile.attempt(groups, signed))
    assert all(ended.values()), ended
    assert any(isinstance(error, Cheated) for error in ended.values()), ended
    nothing_was_released(hostile, signed)


def test_a_question_changed_between_proposal_and_attempt_is_refused(hostile: Hostile) -> None:
    request = hostile.request()
    for party in PARTIES:
        hostile.runner.run(hostile.propose(party, hostile.signed(request)))
    other = hostile.signed(request, arguments=request.arguments | {"where": "segment = 'retail'"})
    ended = hostile.runner.run(hostile.attempt(dict.fromkeys(PARTIES, PARTIES), other))
    assert all(isinstance(error, Conflict) for error in ended.values()), ended
    nothing_was_released(hostile, other)


def test_a_party_is_not_left_out_against_the_requesters_word(hostile: Hostile) -> None:
    signed = proposed(hostile, "halves.amount", allow_missing=False)
    ended = hostile.runner.run(hostile.attempt(dict.fromkeys(FIRST, FIRST), signed))
    assert all(isinstance(error, PolicyRefused) for error in ended.values()), ended
    nothing_was_released(hostile, signed)


def test_two_halves_are_both_too_small(hostile: Hostile) -> None:
    signed = proposed(hostile, "halves.amount", allow_missing=True)
    for half in (PARTIES[:2], PARTIES[2:]):
        ended = hostile.runner.run(hostile.attempt(dict.fromkeys(half, half), signed))
        assert all(isinstance(error, PolicyRefused) for error in ended.values()), ended
    nothing_was_released(hostile, signed)


def test_of_two_overlapping_groups_played_against_each_other_at_most_one_gets_a_result(hostile: Hostile) -> None:
    """Both at once, under two ids: the difference would be bank-a's figure less bank-d's."""
    first, second = (proposed(hostile, "halves.amount", allow_missing=True) for _ in range(2))

    async def both() -> None:
        await asyncio.gather(
            hostile.attempt(dict.fromkeys(FIRST, FIRST), first), hostile.attempt(dict.fromkeys(SECOND, SECOND), second)
        )

    hostile.runner.run(both())
    ids = [hostile.request_of(each) for each in (first, second)]
    shares = [hostile.runner.run(hostile.released(each)) for each in ids]
    assert [] in shares, shares
    late = hostile.runner.run(hostile.attempt(dict.fromkeys(SECOND, SECOND), second))
    early = hostile.runner.run(hostile.attempt(dict.fromkeys(FIRST, FIRST), first))
    refusals = [error for error in (*late.values(), *early.values()) if isinstance(error, DifferencingRefused)]
    assert refusals
    assert [] in [hostile.runner.run(hostile.released(each)) for each in ids]
    scenarios.again(hostile.runner)


def test_one_computation_has_one_input_set_for_ever(hostile: Hostile) -> None:
    """The same id for a second group, one of whose members has released the first."""
    signed = proposed(hostile, "once.amount", allow_missing=True)
    computation = hostile.request_of(signed)
    hostile.runner.run(hostile.attempt(dict.fromkeys(PARTIES, PARTIES), signed))
    released = hostile.runner.run(hostile.released(computation))
    before = {party: hostile.runner.nodes[party].books.ledger.entry(computation) for party in PARTIES}
    hostile.runner.run(hostile.attempt(dict.fromkeys(SECOND, SECOND), signed))
    assert hostile.runner.run(hostile.released(computation)) == released
    assert {party: hostile.runner.nodes[party].books.ledger.entry(computation) for party in PARTIES} == before


def test_an_attempt_id_is_used_once(hostile: Hostile) -> None:
    signed = proposed(hostile, "accounts.balance")
    number = token(16).hex()
    refused = hostile.runner.run(hostile.run("bank-a", signed, number, PARTIES), timeout=180)
    assert refused is not None  # nobody else takes part
    again = hostile.runner.run(hostile.run("bank-a", signed, number, PARTIES))
    assert isinstance(again, Conflict), again
    nothing_was_released(hostile, signed)


def test_a_request_for_ratios_that_has_expired_is_neither_approved_nor_run(hostile: Hostile) -> None:
    request = hostile.request("ratio", "statements.firm", CURRENT)
    late = hostile.signed(request, created_ms=later(-60_000), expires_ms=later(-1))
    for party in PARTIES:
        with pytest.raises(Conflict, match="expired"):
            hostile.runner.run(hostile.propose(party, late))
    request = hostile.request("ratio", "statements.firm", CURRENT)
    brief = hostile.signed(request, expires_ms=later(BRIEF_MS))

    async def approved() -> None:
        await asyncio.gather(*(hostile.propose(party, brief) for party in PARTIES))

    hostile.runner.run(approved())
    hostile.runner.run(asyncio.sleep(BRIEF_MS / 1000 + 0.1))
    ended = hostile.runner.run(hostile.attempt(dict.fromkeys(PARTIES, PARTIES), brief))
    assert all(isinstance(error, Conflict) and "expired" in error.message for error in ended.values()), ended
    nothing_was_released(hostile, brief)


def test_what_an_attempt_has_decrypted_is_not_decrypted_again(hostile: Hostile) -> None:
    """The same attempt a second time would put other noise on the same ciphertexts; a new one has a new key."""
    signed = hostile.signed(hostile.request("ratio", "statements.firm", CURRENT))
    for party in PARTIES:
        hostile.runner.run(hostile.propose(party, signed))
    number = token(16).hex()

    async def attempt() -> list[object]:
        return list(await asyncio.gather(*(hostile.run(party, signed, number, PARTIES) for party in PARTIES)))

    assert hostile.runner.run(attempt(), timeout=180) == [None] * len(PARTIES)
    again = hostile.runner.run(attempt(), timeout=180)
    assert all(isinstance(error, Conflict) for error in again), again


def test_saved_shares_go_when_the_computation_ends_without_a_result(hostile: Hostile) -> None:
    signed = proposed(hostile, "accounts.balance")
    books, computation = hostile.runner.nodes["bank-a"].books, ComputationId(hostile.request_of(signed))
    hostile.runner.nodes["bank-a"].books.consent.settle()
    kept = KeptSums(books.vault, computation)
    kept.keep(1, b"shares")
    books.sweep()
    assert kept.latest() == 1
    hostile.runner.run(hostile.cancel("bank-a", signed))
    assert kept.latest() == 0
    kept.keep(1, b"shares")
    books.database.execute("UPDATE computations SET expires_ms = 1 WHERE id = ?", (computation,))
    books.sweep()
    assert kept.latest() == 0
