"""Frames find the mailbox of their attempt; what comes too early is kept, a little of it."""

from __future__ import annotations

from typing import Any

import pytest

from node import sessions as module
from node.sessions import EARLY_BYTES, EARLY_FRAMES, Sessions
from steelyard.errors import Conflict, TimedOut, Unreachable
from steelyard.ids import PartyId
from steelyard.rounds import Round
from steelyard.rpc.frames import Frame
from steelyard.rpc.mailbox import MAIN, Mailbox

A, B = PartyId("bank-a"), PartyId("bank-b")
PEERS = frozenset((A, B))
ATTEMPT = bytes(range(16))


def frame(body: bytes = b"hello", attempt: bytes = ATTEMPT, **fields: Any) -> Frame:
    said: dict[str, Any] = {"attempt": attempt, "step": "hello", "length": len(body), "body": body} | fields
    return Frame(**said)


def opened(sessions: Sessions, attempt: bytes = ATTEMPT) -> Mailbox:
    return sessions.open(attempt, PEERS, 1 << 20)


async def heard(mailbox: Mailbox, peer: PartyId = A) -> bytes:
    return bytes((await mailbox.collect(MAIN, 0, Round("hello", {}, frozenset((peer,))), 0.05))[peer])


async def test_a_frame_reaches_the_mailbox_of_its_attempt() -> None:
    sessions = Sessions()
    mailbox, other = opened(sessions), opened(sessions, bytes(16))
    sessions.deliver(A, frame())
    assert await heard(mailbox) == b"hello"
    with pytest.raises(TimedOut):
        await heard(other)


async def test_a_hello_that_comes_early_is_kept() -> None:
    sessions = Sessions()
    sessions.deliver(A, frame(b"from a"))
    sessions.deliver(B, frame(b"from b"))
    inbox = await opened(sessions).collect(MAIN, 0, Round("hello", {}, PEERS), 0.05)
    assert inbox == {A: b"from a", B: b"from b"}
    assert not sessions._early


@pytest.mark.parametrize(
    "early",
    [
        frame(round=1),
        frame(bytes(EARLY_BYTES + 1)),
    ],
    ids=["another round", "too long"],
)
def test_anything_else_that_comes_early_is_dropped(early: Frame) -> None:
    sessions = Sessions()
    sessions.deliver(A, early)
    assert not sessions._early


async def test_only_the_first_early_frame_of_an_attempt_is_kept() -> None:
    sessions = Sessions()
    sessions.deliver(A, frame(b"first"))
    sessions.deliver(A, frame(b"second"))
    assert await heard(opened(sessions)) == b"first"


async def test_a_peer_has_room_for_so_many_early_frames_and_takes_none_of_the_others() -> None:
    sessions = Sessions()
    sessions.deliver(B, frame(b"from b"))
    for number in range(3 * EARLY_FRAMES):
        sessions.deliver(A, frame(attempt=number.to_bytes(16, "big")))
    assert len(sessions._early) == EARLY_FRAMES + 1
    assert await heard(opened(sessions), B) == b"from b"
    newest = opened(sessions, (3 * EARLY_FRAMES - 1).to_bytes(16, "big"))
    assert await heard(newest) == b"hello"


def test_what_a_lost_peer_sent_early_is_forgotten() -> None:
    sessions = Sessions()
    sessions.deliver(A, frame())
    sessions.deliver(B, frame())
    sessions.lose(A)
    assert [peer for _, peer in sessions._early] == [B]


async def test_a_lost_peer_is_lost_in_every_open_attempt() -> None:
    sessions = Sessions()
    mailboxes = [opened(sessions), opened(sessions, bytes(16))]
    sessions.lose(A)
    for mailbox in mailboxes:
        with pytest.raises(Unreachable) as caught:
            await heard(mailbox)
        assert caught.value.party == A


def test_an_attempt_id_is_used_once() -> None:
    sessions = Sessions()
    opened(sessions)
    with pytest.raises(Conflict):
        opened(sessions)
    sessions.close(ATTEMPT)
    with pytest.raises(Conflict):
        opened(sessions)


async def test_frames_of_an_attempt_that_has_ended_are_dropped() -> None:
    sessions = Sessions()
    mailbox = opened(sessions)
    sessions.close(ATTEMPT)
    sessions.deliver(A, frame())
    assert not sessions._early
    with pytest.raises(TimedOut):
        await heard(mailbox)


def test_ended_attempts_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    sessions = Sessions()
    for number in range(10):
        opened(sessions, number.to_bytes(16, "big"))
        sessions.close(number.to_bytes(16, "big"))
    assert list(sessions._ended) == [number.to_bytes(16, "big") for number in (7, 8, 9)]
