"""Every bound of a mailbox, and when a round is over."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from steelyard.errors import (
    Cheated,
    Failed,
    Malformed,
    Overloaded,
    PolicyRefused,
    SteelyardError,
    TimedOut,
    Unreachable,
)
from steelyard.ids import PartyId
from steelyard.rounds import Round
from steelyard.rpc import mailbox as module
from steelyard.rpc.frames import FRAME_BYTES, Frame
from steelyard.rpc.mailbox import BRANCHES_AHEAD, MAIN, MESSAGES_KEPT, ROUNDS_AHEAD, ROUNDS_BEFORE, Mailbox
from steelyard.v1.peer_pb2 import Abort

A, B, C = PartyId("bank-a"), PartyId("bank-b"), PartyId("bank-c")
PEERS: Final = frozenset((A, B, C))
LIMIT: Final = 1000
SOON: Final = 0.05  # seconds


def box(peers: frozenset[PartyId] = PEERS) -> Mailbox:
    return Mailbox(peers, LIMIT)


def frame(body: bytes = b"hello", **fields: Any) -> Frame:
    said: dict[str, Any] = {"attempt": bytes(16), "step": "greet", "length": len(body), "body": body} | fields
    return Frame(**said)


def abort(reason: str = "FAILED", **fields: Any) -> Frame:
    return Frame(attempt=bytes(16), abort=Abort(reason=reason, message="no more", **fields))


def hearing(*peers: PartyId, enough: int | None = None, step: str = "greet") -> Round:
    return Round(step, {}, frozenset(peers or PEERS), enough)


async def collected(mailbox: Mailbox, round_: Round, number: int = 0, patience: float = SOON) -> dict[PartyId, bytes]:
    inbox = await mailbox.collect(MAIN, number, round_, patience)
    return {peer: bytes(message) for peer, message in inbox.items()}


async def test_a_round_is_over_when_all_messages_are_there() -> None:
    mailbox = box()
    for peer in PEERS:
        mailbox.deliver(peer, frame(peer.encode()))
    assert await collected(mailbox, hearing()) == {peer: peer.encode() for peer in PEERS}


async def test_a_round_in_which_nobody_is_heard_is_over_at_once() -> None:
    assert await collected(box(), Round("silence", {}, frozenset())) == {}


async def test_pieces_become_one_message() -> None:
    mailbox, message = box(), bytes(range(100))
    for start in range(0, 100, 30):
        mailbox.deliver(A, frame(message[start : start + 30], length=100, offset=start))
    assert await collected(mailbox, hearing(A)) == {A: message}


async def test_a_message_that_comes_while_we_wait_ends_the_waiting() -> None:
    mailbox = box()
    waiting = asyncio.create_task(collected(mailbox, hearing(A), patience=60))
    await asyncio.sleep(0)
    mailbox.deliver(A, frame())
    assert await waiting == {A: b"hello"}


async def test_a_message_of_the_next_rounds_waits_for_them() -> None:
    mailbox = box()
    await begun(mailbox)
    mailbox.deliver(A, frame(b"later", round=ROUNDS_AHEAD, step="vote"))
    mailbox.deliver(A, frame(b"sooner", round=1))
    assert await collected(mailbox, hearing(A), number=1) == {A: b"sooner"}
    assert await collected(mailbox, hearing(A, step="vote"), number=ROUNDS_AHEAD) == {A: b"later"}


MALFORMED = {
    "a branch too far ahead": [frame(branch=BRANCHES_AHEAD + 1)],
    "a round too far ahead": [frame(round=ROUNDS_AHEAD + 1)],
    "an empty message": [frame(b"")],
    "a length of nothing": [frame(b"abc", length=0)],
    "a message above the limit": [frame(length=LIMIT + 1)],
    "a message far above the limit": [frame(length=1 << 62)],
    "more than it announced": [frame(b"abcdef", length=5)],
    "an offset that leaves a gap": [frame(b"ab", length=6), frame(b"ef", length=6, offset=4)],
    "an offset at the start of a message that leaves a gap": [frame(b"ab", length=6, offset=2)],
    "an offset that goes back": [frame(b"ab", length=6), frame(b"ab", length=6, offset=0)],
    "an empty piece": [frame(b"ab", length=6), frame(b"", length=6, offset=2)],
    "another length in a later piece": [frame(b"ab", length=6), frame(b"cd", length=7, offset=2)],
    "another step in a later piece": [frame(b"ab", length=6), frame(b"cd", length=6, offset=2, step="other")],
    "an offset beyond 64 bits of length": [frame(b"ab", length=6, offset=(1 << 64) - 1)],
}


@pytest.mark.parametrize("frames", MALFORMED.values(), ids=MALFORMED)
async def test_what_no_honest_peer_sends_takes_it_away_as_a_cheat(frames: list[Frame]) -> None:
    mailbox = box()
    for each in frames:
        mailbox.deliver(A, each)
    with pytest.raises(Malformed) as caught:
        await collected(mailbox, hearing(A))
    assert caught.value.culprits == (A,)


async def test_a_frame_of_a_round_that_is_over_is_late_and_not_dishonest() -> None:
    mailbox = box()
    mailbox.deliver(A, frame())
    await collected(mailbox, hearing(A))
    mailbox.deliver(A, frame())
    mailbox.deliver(A, frame(b"vote", step="vote", round=1))
    assert await collected(mailbox, hearing(A, step="vote"), number=1) == {A: b"vote"}
    assert mailbox._branches[MAIN].messages == {}


async def test_a_message_that_is_whole_takes_no_more_pieces() -> None:
    mailbox = box()
    mailbox.deliver(A, frame())
    mailbox.deliver(A, frame())
    assert await collected(mailbox, hearing(A)) == {A: b"hello"}
    with pytest.raises(Malformed):
        await collected(mailbox, hearing(A, step="vote"), number=1)


async def test_a_message_of_another_step_takes_its_sender_away() -> None:
    mailbox = box()
    mailbox.deliver(A, frame(step="vote"))
    with pytest.raises(Malformed, match="another step") as caught:
        await collected(mailbox, hearing(A))
    assert caught.value.culprits == (A,)


async def test_a_message_exactly_at_the_limit_passes() -> None:
    mailbox = box()
    mailbox.deliver(A, frame(bytes(LIMIT)))
    assert await collected(mailbox, hearing(A)) == {A: bytes(LIMIT)}


async def test_an_unknown_peer_is_not_heard() -> None:
    mailbox = box(frozenset((A,)))
    mailbox.deliver(B, frame(branch=1))
    mailbox.deliver(B, abort())
    mailbox.deliver(A, frame())
    assert await collected(mailbox, hearing(A)) == {A: b"hello"}


async def test_a_peer_that_is_gone_is_not_heard_any_more() -> None:
    mailbox = box()
    mailbox.lose(A, Unreachable("gone", party=A))
    mailbox.deliver(A, frame())
    with pytest.raises(Unreachable, match="gone"):
        await collected(mailbox, hearing(A))


async def test_a_message_that_was_whole_before_its_sender_was_lost_counts() -> None:
    mailbox = box()
    mailbox.deliver(A, frame())
    mailbox.lose(A, Unreachable("gone", party=A))
    assert await collected(mailbox, hearing(A)) == {A: b"hello"}


async def test_the_first_reason_for_a_loss_stays() -> None:
    mailbox = box()
    mailbox.deliver(A, frame(branch=BRANCHES_AHEAD + 1))
    mailbox.lose(A, Unreachable("gone", party=A))
    with pytest.raises(Malformed):
        await collected(mailbox, hearing(A))


async def test_a_silent_peer_is_named_when_patience_ends() -> None:
    mailbox = box()
    mailbox.deliver(A, frame())
    with pytest.raises(TimedOut, match="greet message from bank-b, bank-c") as caught:
        await collected(mailbox, hearing())
    assert caught.value.party == B


async def test_half_a_message_is_no_message() -> None:
    mailbox = box()
    mailbox.deliver(A, frame(b"hel", length=5))
    with pytest.raises(TimedOut) as caught:
        await collected(mailbox, hearing(A))
    assert caught.value.party == A


async def test_a_loss_while_we_wait_ends_the_waiting() -> None:
    mailbox = box()
    waiting = asyncio.create_task(collected(mailbox, hearing(), patience=60))
    await asyncio.sleep(0)
    mailbox.lose(B, Unreachable("gone", party=B))
    with pytest.raises(Unreachable) as caught:
        await waiting
    assert caught.value.party == B


async def test_enough_messages_and_nobody_left_to_wait_for_end_a_round_at_once() -> None:
    mailbox = box()
    for peer in (A, B):
        mailbox.deliver(peer, frame())
    mailbox.lose(C, Unreachable("gone", party=C))
    assert (await collected(mailbox, hearing(enough=2), patience=60)).keys() == {A, B}


async def test_enough_messages_wait_for_the_rest_only_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.01)
    mailbox = box()
    for peer in (A, B):
        mailbox.deliver(peer, frame())
    assert (await collected(mailbox, hearing(enough=2), patience=60)).keys() == {A, B}


async def test_a_late_message_within_the_grace_is_taken() -> None:
    mailbox = box()
    for peer in (A, B):
        mailbox.deliver(peer, frame())
    waiting = asyncio.create_task(collected(mailbox, hearing(enough=2), patience=60))
    await asyncio.sleep(0)
    mailbox.deliver(C, frame())
    assert (await waiting).keys() == PEERS


async def test_after_a_round_of_long_messages_others_have_time_to_work_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.0)
    monkeypatch.setattr(module, "SPEED", 1)
    mailbox = box()
    for peer in (A, B, C):
        mailbox.deliver(peer, frame(bytes(100)))
    await collected(mailbox, hearing())
    waiting = asyncio.create_task(collected(mailbox, hearing(enough=2), 1, 60))
    for peer in (A, B):
        mailbox.deliver(peer, frame(b"x", round=1))
    await asyncio.sleep(SOON)
    assert not waiting.done()
    mailbox.deliver(C, frame(b"x", round=1))
    assert set(await waiting) == {A, B, C}


async def test_fewer_than_enough_are_a_failure_as_soon_as_it_is_certain() -> None:
    mailbox = box()
    mailbox.deliver(A, frame())
    for peer in (B, C):
        mailbox.lose(peer, Unreachable("gone", party=peer))
    with pytest.raises(Unreachable):
        await collected(mailbox, hearing(enough=2), patience=60)


async def test_a_cheat_is_reported_before_a_refusal_before_a_failure() -> None:
    losses: list[tuple[PartyId, SteelyardError]] = [(A, Unreachable("x")), (B, PolicyRefused("x")), (C, Malformed("x"))]
    for kind in (Malformed, PolicyRefused, Unreachable):
        mailbox = box()
        for peer, error in losses:
            mailbox.lose(peer, error)
        with pytest.raises(kind):
            await collected(mailbox, hearing(*(peer for peer, _ in losses)))
        losses.pop()


async def test_an_abort_says_what_its_sender_says() -> None:
    mailbox = box()
    mailbox.deliver(A, abort("POLICY_REFUSED"))
    with pytest.raises(PolicyRefused, match="no more") as caught:
        await collected(mailbox, hearing(A))
    assert caught.value.party == A


@pytest.mark.parametrize("reason", ["", "INTERNAL", "SOMETHING_NEW"])
async def test_an_abort_without_a_known_reason_is_a_failure(reason: str) -> None:
    mailbox = box()
    mailbox.deliver(A, abort(reason))
    with pytest.raises(Failed, match="gave the attempt up") as caught:
        await collected(mailbox, hearing(A))
    assert caught.value.party == A


async def test_an_accusation_makes_suspects_of_accused_and_accuser_and_a_culprit_of_nobody() -> None:
    mailbox = box()
    mailbox.deliver(A, abort("CHEATED", culprits=["bank-b"], suspects=["bank-c"]))
    with pytest.raises(Cheated) as caught:
        await collected(mailbox, hearing(A))
    assert caught.value.culprits == ()
    assert caught.value.suspects == ("bank-a", "bank-b", "bank-c")


async def test_what_an_abort_says_is_cut_short() -> None:
    mailbox = box()
    mailbox.deliver(A, abort("CHEATED", culprits=["x" * FRAME_BYTES] * 2 + [str(each) for each in range(1000)]))
    with pytest.raises(Cheated) as caught:
        await collected(mailbox, hearing(A))
    assert len(caught.value.suspects) <= 32
    assert all(len(each) <= 40 for each in caught.value.suspects)


async def test_nothing_is_kept_of_a_round_that_is_over() -> None:
    mailbox = box()
    for peer in PEERS:
        mailbox.deliver(peer, frame(bytes(LIMIT)))
    await collected(mailbox, hearing())
    assert mailbox._branches[MAIN].messages == {}


async def test_branches_are_kept_apart_and_may_come_before_they_are_begun() -> None:
    mailbox = box()
    await begun(mailbox)
    mailbox.deliver(A, frame(b"second", branch=2))
    mailbox.deliver(A, frame(b"first", branch=1))
    assert await mailbox.collect(1, 0, hearing(A), 1) == {A: b"first"}
    assert await mailbox.collect(2, 0, hearing(A), 1) == {A: b"second"}


async def test_what_comes_for_a_branch_that_is_over_is_not_kept() -> None:
    mailbox = box()
    mailbox.end(1)
    mailbox.deliver(A, frame(branch=1))
    assert 1 not in mailbox._branches


@pytest.mark.parametrize("early", [frame(branch=1), frame(round=ROUNDS_BEFORE + 1)], ids=["a branch", "a round"])
async def test_before_a_party_has_begun_little_is_kept_for_it(early: Frame) -> None:
    mailbox = box()
    mailbox.deliver(A, early)
    with pytest.raises(Malformed):
        await collected(mailbox, hearing(A))


async def test_a_peer_that_sends_more_than_can_be_kept_is_no_cheat_but_lost() -> None:
    mailbox = box()
    await begun(mailbox)
    for number in range(MESSAGES_KEPT + 1):
        mailbox.deliver(A, frame(bytes(LIMIT), round=1 + number))
    with pytest.raises(Overloaded):
        await collected(mailbox, hearing(A), number=1 + MESSAGES_KEPT)


async def test_what_is_used_up_makes_room() -> None:
    mailbox = box()
    for number in range(3 * MESSAGES_KEPT):
        mailbox.deliver(A, frame(bytes(LIMIT), round=number))
        assert len((await collected(mailbox, hearing(A), number=number))[A]) == LIMIT


async def begun(mailbox: Mailbox) -> None:
    mailbox.deliver(A, frame())
    await collected(mailbox, hearing(A))


async def test_a_patient_round_waits_for_who_is_slow_and_not_for_who_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.01)
    mailbox = box()
    for peer in (A, B):
        mailbox.deliver(peer, frame())
    patient = Round("greet", {}, PEERS, enough=2, patient=True)
    waiting = asyncio.create_task(mailbox.collect(MAIN, 0, patient, 60))
    await asyncio.sleep(SOON)
    assert not waiting.done()
    mailbox.lose(C, Unreachable("gone", party=C))
    assert (await waiting).keys() == {A, B}
