"""A protocol over streams: what it sends leaves in frames, what it hears is what it waits for, its end is clean."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from protocols.circles import Ring

from steelyard.errors import Cheated, Malformed, SteelyardError, TimedOut, Unreachable
from steelyard.ids import PartyId
from steelyard.protocols.bits import conjunction
from steelyard.protocols.convene import convene
from steelyard.rounds import Inbox, Protocol, Round, broadcast, pipeline, swift
from steelyard.rpc import pace
from steelyard.rpc.drive import Link, drive, give_up
from steelyard.rpc.frames import FRAME_BYTES, Frame
from steelyard.rpc.mailbox import MAIN, ROUNDS_AHEAD, Mailbox
from steelyard.rpc.pace import AFTER

PARTIES = tuple(PartyId(f"bank-{letter}") for letter in "abc")
ATTEMPT = bytes(range(16))


@pytest.fixture(scope="module")
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        yield pool


@dataclass
class Wire:
    """A perfect line into somebody's mailbox, which remembers what went over it."""

    sender: PartyId
    mailbox: Mailbox
    frames: list[Frame] = field(default_factory=list)

    def post(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.mailbox.deliver(self.sender, frame)

    async def flush(self) -> None:
        pass


class Broken:
    def post(self, frame: Frame) -> None:
        raise Unreachable("the stream broke", party=PARTIES[1])

    async def flush(self) -> None:
        raise Unreachable("the stream broke", party=PARTIES[1])


class Stuck:
    def post(self, frame: Frame) -> None:
        pass

    async def flush(self) -> None:
        await asyncio.sleep(3600)


def exchange(me: PartyId, sizes: tuple[int, ...], closed: list[PartyId] | None = None) -> Protocol[list[Inbox]]:
    """Tells everybody `size` times its own letter, round after round."""
    heard: list[Inbox] = []
    try:
        for number, size in enumerate(sizes):
            inbox = yield broadcast(f"step-{number}", me[-1:].encode() * size, [p for p in PARTIES if p != me])
            heard.append({peer: bytes(message) for peer, message in inbox.items()})
    finally:
        if closed is not None:
            closed.append(me)
    return heard


def consortium(limit: int = 4 * FRAME_BYTES) -> tuple[dict[PartyId, Mailbox], dict[PartyId, dict[PartyId, Link]]]:
    mailboxes = {me: Mailbox(frozenset(PARTIES) - {me}, limit) for me in PARTIES}
    wires: dict[PartyId, dict[PartyId, Link]] = {
        me: {peer: Wire(me, mailboxes[peer]) for peer in PARTIES if peer != me} for me in PARTIES
    }
    return mailboxes, wires


@pytest.mark.parametrize("size", [1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])
async def test_messages_of_any_size_arrive_whole(executor: ThreadPoolExecutor, size: int) -> None:
    mailboxes, wires = consortium()
    outputs = await asyncio.gather(
        *(drive(exchange(me, (1, size)), ATTEMPT, mailboxes[me], wires[me], executor, 10) for me in PARTIES)
    )
    for me, heard in zip(PARTIES, outputs, strict=True):
        assert heard[1] == {peer: peer[-1:].encode() * size for peer in PARTIES if peer != me}


async def test_frames_carry_what_the_receiver_checks_and_at_most_a_mebibyte(executor: ThreadPoolExecutor) -> None:
    mailboxes, wires = consortium()
    size = 2 * FRAME_BYTES + 5
    await asyncio.gather(
        *(drive(exchange(me, (size,)), ATTEMPT, mailboxes[me], wires[me], executor, 10) for me in PARTIES)
    )
    wire = wires[PARTIES[0]][PARTIES[1]]
    assert isinstance(wire, Wire)
    said = [(each.attempt, each.round, each.step, each.length, each.offset, len(each.body)) for each in wire.frames]
    assert said == [
        (ATTEMPT, 0, "step-0", size, 0, FRAME_BYTES),
        (ATTEMPT, 0, "step-0", size, FRAME_BYTES, FRAME_BYTES),
        (ATTEMPT, 0, "step-0", size, 2 * FRAME_BYTES, 5),
    ]


async def test_every_step_is_reported_before_it_is_sent(executor: ThreadPoolExecutor) -> None:
    mailboxes, wires = consortium()
    steps: list[str] = []
    others = [drive(exchange(me, (1, 1)), ATTEMPT, mailboxes[me], wires[me], executor, 10) for me in PARTIES[1:]]
    me = PARTIES[0]
    mine = drive(exchange(me, (1, 1)), ATTEMPT, mailboxes[me], wires[me], executor, 10, steps.append)
    await asyncio.gather(mine, *others)
    assert steps == ["step-0", "step-1"]


async def test_a_silent_peer_ends_the_protocol_and_is_named(executor: ThreadPoolExecutor) -> None:
    mailboxes, wires = consortium()
    closed: list[PartyId] = []
    me = PARTIES[0]
    with pytest.raises(TimedOut) as caught:
        await drive(exchange(me, (1,), closed), ATTEMPT, mailboxes[me], wires[me], executor, 0.05)
    assert caught.value.party == PARTIES[1]
    assert closed == [me]


async def test_a_stream_that_breaks_while_we_send_is_the_peers_loss(executor: ThreadPoolExecutor) -> None:
    mailboxes, wires = consortium()
    me = PARTIES[0]
    wires[me][PARTIES[1]] = Broken()
    mailboxes[me].deliver(PARTIES[2], Frame(attempt=ATTEMPT, step="step-0", length=1, body=b"c"))
    with pytest.raises(Unreachable, match="broke") as caught:
        await drive(exchange(me, (1,)), ATTEMPT, mailboxes[me], wires[me], executor, 60)
    assert caught.value.party == PARTIES[1]


async def test_a_protocols_own_error_comes_out_as_it_is(executor: ThreadPoolExecutor) -> None:
    def cheated() -> Protocol[None]:
        yield Round("nothing", {}, frozenset())
        raise Cheated("seen", culprits=("bank-b",))

    mailboxes, wires = consortium()
    with pytest.raises(Cheated) as caught:
        await drive(cheated(), ATTEMPT, mailboxes[PARTIES[0]], wires[PARTIES[0]], executor, 10)
    assert caught.value.culprits == ("bank-b",)


async def test_what_was_owed_to_the_others_leaves_before_the_end(executor: ThreadPoolExecutor) -> None:
    """The last message of a protocol that hears nobody any more is not lost with it."""

    def farewell() -> Protocol[str]:
        yield Round("farewell", {PARTIES[1]: b"bye"}, frozenset())
        return "done"

    mailboxes, wires = consortium()
    output = await drive(farewell(), ATTEMPT, mailboxes[PARTIES[0]], wires[PARTIES[0]], executor, 10)
    wire = wires[PARTIES[0]][PARTIES[1]]
    assert isinstance(wire, Wire)
    assert (output, [each.body for each in wire.frames]) == ("done", [b"bye"])


async def test_a_peer_that_takes_nothing_does_not_hold_up_the_end_for_ever(executor: ThreadPoolExecutor) -> None:
    def farewell() -> Protocol[str]:
        yield Round("farewell", {PARTIES[1]: b"bye"}, frozenset())
        return "done"

    mailboxes, wires = consortium()
    wires[PARTIES[0]][PARTIES[1]] = Stuck()
    assert await drive(farewell(), ATTEMPT, mailboxes[PARTIES[0]], wires[PARTIES[0]], executor, 0.05) == "done"
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.cancelling()] == []


async def threads_of_steps(executor: ThreadPoolExecutor, kind: Callable[[Protocol[Any]], Protocol[Any]]) -> list[bool]:
    """Of every step of a long protocol whether it ran on the loop's thread."""
    loops, here = list[bool](), threading.get_ident()

    def steps() -> Protocol[None]:
        for _ in range(2 * AFTER):
            loops.append(threading.get_ident() == here)
            yield Round("compute", {}, frozenset())

    def caller() -> Protocol[None]:
        yield from kind(steps())
        loops.append(threading.get_ident() == here)

    mailboxes, wires = consortium()
    await drive(caller(), ATTEMPT, mailboxes[PARTIES[0]], wires[PARTIES[0]], executor, 10)
    return loops


async def test_steps_that_may_wait_never_run_on_the_loop(executor: ThreadPoolExecutor) -> None:
    assert not any(await threads_of_steps(executor, lambda protocol: protocol))


async def test_swift_steps_run_on_the_loop_once_many_were_short_but_not_what_comes_after(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SHORT", 60.0)  # whatever else this machine does
    monkeypatch.setattr(pace, "PROMPT", 60.0)
    loops = await threads_of_steps(executor, swift)
    assert not any(loops[:AFTER])
    assert all(loops[AFTER + 1 : -1])
    assert not loops[-1]


async def test_a_cancelled_attempt_closes_its_protocol(executor: ThreadPoolExecutor) -> None:
    mailboxes, wires = consortium()
    closed: list[PartyId] = []
    me = PARTIES[0]
    task = asyncio.create_task(drive(exchange(me, (1,), closed), ATTEMPT, mailboxes[me], wires[me], executor, 60))
    wire = wires[me][PARTIES[1]]
    assert isinstance(wire, Wire)
    while not wire.frames:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [me]


async def test_giving_up_tells_every_peer_why() -> None:
    mailboxes, wires = consortium()
    error = Malformed("bank-c sent junk", culprits=("bank-c",))
    await give_up(error, ATTEMPT, wires[PARTIES[0]])
    for peer in PARTIES[1:]:
        wire = wires[PARTIES[0]][peer]
        assert isinstance(wire, Wire)
        [frame] = wire.frames
        assert (frame.attempt, frame.abort.reason, list(frame.abort.culprits)) == (ATTEMPT, "MALFORMED", ["bank-c"])
        with pytest.raises(Malformed):
            await mailboxes[peer].collect(MAIN, 0, Round("step-0", {}, frozenset(PARTIES[:1])), 1)


async def test_giving_up_is_not_stopped_by_a_broken_stream() -> None:
    _, wires = consortium()
    wires[PARTIES[0]][PARTIES[1]] = Broken()
    await give_up(Malformed("junk"), ATTEMPT, wires[PARTIES[0]])
    wire = wires[PARTIES[0]][PARTIES[2]]
    assert isinstance(wire, Wire)
    assert len(wire.frames) == 1


def forked(me: PartyId, branches: int, depth: int, open_at_once: list[int]) -> Protocol[list[list[Inbox]]]:
    def counted(number: int) -> Protocol[list[Inbox]]:
        open_at_once[0] += 1
        open_at_once[1] = max(open_at_once)
        try:
            return (yield from exchange(me, (1 + number, 2)))
        finally:
            open_at_once[0] -= 1

    yield broadcast("before", b"x", [p for p in PARTIES if p != me])
    results = yield from pipeline((counted(number) for number in range(branches)), depth)
    yield broadcast("after", b"x", [p for p in PARTIES if p != me])
    return results


@pytest.mark.parametrize("depth", [1, 3, 20])
@pytest.mark.parametrize("threads", [True, False])
async def test_branches_run_side_by_side_and_their_outputs_keep_the_order(
    executor: ThreadPoolExecutor, depth: int, threads: bool
) -> None:
    mailboxes, wires = consortium()
    depths = {me: [0, 0] for me in PARTIES}
    pool = executor if threads else None
    outputs = await asyncio.gather(
        *(drive(forked(me, 9, depth, depths[me]), ATTEMPT, mailboxes[me], wires[me], pool, 10) for me in PARTIES)
    )
    for me, results in zip(PARTIES, outputs, strict=True):
        assert [len(heard[0][peer]) for heard in results for peer in heard[0]] == [1 + i // 2 for i in range(18)]
        assert depths[me] == [0, min(depth, 9)]


async def test_a_branch_that_fails_ends_the_others_and_the_protocol(executor: ThreadPoolExecutor) -> None:
    mailboxes, wires = consortium()
    closed: list[PartyId] = []

    def failing() -> Protocol[list[Inbox]]:
        yield broadcast("step-0", b"a", PARTIES[1:])
        raise Cheated("a lie", suspects=PARTIES)

    def protocol() -> Protocol[list[list[Inbox]]]:
        return (yield from pipeline(iter([exchange(PARTIES[0], (1, 1, 1), closed), failing()]), 2))

    others = [asyncio.create_task(_quiet(me, mailboxes, wires, executor)) for me in PARTIES[1:]]
    with pytest.raises((Cheated, TimedOut)):
        await drive(protocol(), ATTEMPT, mailboxes[PARTIES[0]], wires[PARTIES[0]], executor, 0.5)
    assert closed == [PARTIES[0]]
    await asyncio.gather(*others)


async def _quiet(
    me: PartyId,
    mailboxes: dict[PartyId, Mailbox],
    wires: dict[PartyId, dict[PartyId, Link]],
    executor: ThreadPoolExecutor,
) -> None:
    with suppress(SteelyardError):
        await drive(
            pipeline(iter([exchange(me, (1,)), exchange(me, (1,))]), 2), ATTEMPT, mailboxes[me], wires[me], executor, 1
        )


async def test_nobody_gets_far_ahead_of_a_slow_party_even_where_not_all_multiply() -> None:
    """With 2 of 4 three parties multiply in a round: other ones in the next, so that all wait for the slow one."""
    ring, rounds = Ring.of(4, 2), 3 * ROUNDS_AHEAD
    slow, keys = ring.parties[3], ring._keys()

    def multiplying(party: PartyId) -> Protocol[int]:
        circle = yield from convene(ring.consortium.attempt(party), keys[party])
        bits = np.zeros((circle.m, 1, 1), dtype=np.uint64)
        for _ in range(rounds):
            if party == slow:
                time.sleep(0.005)
            bits = yield from conjunction(circle, "and", bits, bits)
        return rounds

    mailboxes = {me: Mailbox(frozenset(ring.parties) - {me}, FRAME_BYTES) for me in ring.parties}
    wires = {me: {peer: Wire(me, mailboxes[peer]) for peer in ring.parties if peer != me} for me in ring.parties}
    with ThreadPoolExecutor(4) as pool:
        done = await asyncio.gather(
            *(drive(multiplying(me), ATTEMPT, mailboxes[me], wires[me], pool, 20) for me in ring.parties)
        )
    assert done == [rounds] * 4
