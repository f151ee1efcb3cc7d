"""Hellos that wait for their attempt: used once, few, for a short time, and their keys do not outlive them."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import hellos as module
from node.hellos import AT_MOST, Hellos
from node.sessions import Sessions
from steelyard.errors import Conflict
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Introduction, Offer, introduce

A, B = PartyId("bank-a"), PartyId("bank-b")
BOTH = (A, B)
SIGNING = Ed25519PrivateKey.generate()


def numbered(number: int) -> str:
    return f"{number:032x}"


def said(hellos: Hellos, sessions: Sessions, computation: int, attempt: int) -> Introduction:
    """A hello as the engine keeps it."""
    context = Attempt(
        computation=ComputationId(numbered(computation)),
        attempt=AttemptId(numbered(attempt)),
        request="11" * 32,
        manifest="22" * 32,
        me=A,
        participants=BOTH,
        points={A: 1, B: 2},
        threshold=2,
        liars=1,
        quorum=2,
        minimum_group=2,
        signing=SIGNING,
        keys={A: SIGNING.public_key()},
    )
    mailbox = sessions.open(bytes.fromhex(numbered(attempt)), frozenset((B,)), 1 << 20)
    introduction = introduce(context, Offer(contributes=False))
    hellos.keep(introduction, mailbox)
    return introduction


def take(hellos: Hellos, computation: int, attempt: int, participants: tuple[PartyId, ...] = BOTH) -> Introduction:
    taken = hellos.take(ComputationId(numbered(computation)), AttemptId(numbered(attempt)), participants)
    return taken.introduction


def erased(introduction: Introduction) -> bool:
    try:
        introduction.keys.agree(B, bytes(31), bytes(16))
    except Conflict:
        return True
    except Exception:
        return False
    return False


async def test_a_hello_is_taken_once() -> None:
    sessions = Sessions()
    hellos = Hellos(sessions)
    mine = said(hellos, sessions, 1, 1)
    assert take(hellos, 1, 1) is mine
    assert not erased(mine)
    with pytest.raises(Conflict):
        take(hellos, 1, 1)


@pytest.mark.parametrize(
    ("computation", "attempt", "participants"),
    [(1, 2, BOTH), (2, 1, BOTH), (1, 1, (A,))],
    ids=["another attempt", "another computation", "other participants"],
)
async def test_a_hello_is_for_one_attempt(computation: int, attempt: int, participants: tuple[PartyId, ...]) -> None:
    sessions = Sessions()
    hellos = Hellos(sessions)
    said(hellos, sessions, 1, 1)
    with pytest.raises(Conflict):
        take(hellos, computation, attempt, participants)
    take(hellos, 1, 1)


async def test_a_new_hello_of_a_computation_replaces_and_erases_the_old_one() -> None:
    sessions = Sessions()
    hellos = Hellos(sessions)
    old, new = said(hellos, sessions, 1, 1), said(hellos, sessions, 1, 2)
    assert erased(old)
    with pytest.raises(Conflict):
        sessions.open(bytes.fromhex(numbered(1)), frozenset((B,)), 1 << 20)
    assert take(hellos, 1, 2) is new


async def test_so_many_hellos_are_kept_and_the_oldest_goes_first() -> None:
    sessions = Sessions()
    hellos = Hellos(sessions)
    kept = [said(hellos, sessions, number, number) for number in range(AT_MOST + 1)]
    assert [erased(each) for each in kept] == [True] + [False] * AT_MOST
    hellos.clear()
    assert all(erased(each) for each in kept)


async def test_a_hello_is_erased_after_its_time_and_when_its_computation_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.02)
    sessions = Sessions()
    hellos = Hellos(sessions)
    ended, late = said(hellos, sessions, 1, 1), said(hellos, sessions, 2, 2)
    hellos.forget(numbered(1))
    assert erased(ended)
    assert not erased(late)
    await asyncio.sleep(0.05)
    assert erased(late)
    with pytest.raises(Conflict):
        take(hellos, 2, 2)
    assert not sessions._open


async def test_a_hello_that_was_taken_does_not_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.02)
    sessions = Sessions()
    hellos = Hellos(sessions)
    said(hellos, sessions, 1, 1)
    mine = take(hellos, 1, 1)
    await asyncio.sleep(0.05)
    assert not erased(mine)
    assert len(sessions._open) == 1
