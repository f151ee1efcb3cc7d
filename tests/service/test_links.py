"""Peer streams: one per pair, both ways, named by certificate, reopened when they end, replaced when dialled again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
import structlog

from node.authorisation import ROLES
from node.peers import endpoint, links_of, peer_service
from steelyard.errors import Failed, Malformed, SteelyardError, Unreachable
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Layout
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.frames import FRAME_BYTES, Frame, decode, encode
from steelyard.rpc.links import METHOD, TOGETHER, Links, StreamLink
from steelyard.rpc.server import Server
from tests.service.fakes import make_consortium, until

A, B, C = PartyId("bank-a"), PartyId("bank-b"), PartyId("bank-c")
PATIENCE = 60  # seconds in which a stream comes up on a busy machine


def frame(body: bytes = b"hello") -> Frame:
    return Frame(attempt=bytes(16), step="hello", length=len(body), body=body)


@dataclass
class Heard:
    """In the place of sessions: writes down who said what, and who was lost."""

    frames: list[tuple[PartyId, bytes]] = field(default_factory=list)
    losses: list[PartyId] = field(default_factory=list)
    errors: list[SteelyardError | None] = field(default_factory=list)

    def deliver(self, peer: PartyId, got: Frame) -> None:
        self.frames.append((peer, bytes(got.body)))

    def lose(self, peer: PartyId, error: SteelyardError | None = None) -> None:
        self.losses.append(peer)
        self.errors.append(error)


@dataclass
class Peer:
    """One node's streams, over real mutual TLS."""

    party: PartyId
    membership: Membership
    home: Path
    heard: Heard = field(default_factory=Heard)
    links: Links = field(init=False)
    server: Server = field(init=False)

    async def start(self) -> None:
        self.links = links_of(self.party, self.membership, self.home, cast(Any, self.heard))
        authorise = Authorise(self.membership, ROLES, self.party)
        self.server = Server(self.membership.address(self.party), self.home, authorise, [peer_service(self.links)])
        await self.server.start()
        self.links.start()

    async def stop(self) -> None:
        await self.links.stop()
        await self.server.stop(0)


@asynccontextmanager
async def peers(root: Path, *started: PartyId) -> AsyncIterator[dict[PartyId, Peer]]:
    membership = make_consortium(root, (A, B, C))
    layout = Layout(root)
    made = {party: Peer(party, membership, layout.home(Role.NODE, party).path) for party in (A, B, C)}
    running = started or (A, B, C)
    for party in running:
        await made[party].start()
    try:
        yield made
    finally:
        for party in running:
            await made[party].stop()


async def test_every_pair_has_one_stream_which_carries_both_ways_under_the_senders_name(tmp_path: Path) -> None:
    async with peers(tmp_path) as made:
        for me, peer in made.items():
            for to, link in (await peer.links.to({A, B, C} - {me}, PATIENCE)).items():
                link.post(frame(f"{me} to {to}".encode()))
        for me, peer in made.items():
            heard = peer.heard
            await until(lambda heard=heard: len(heard.frames) == 2)  # type: ignore[misc]
            assert sorted(heard.frames) == [(p, f"{p} to {me}".encode()) for p in (A, B, C) if p != me]
            assert peer.links.connected == tuple(p for p in (A, B, C) if p != me)
            assert heard.losses == []


async def test_a_peer_that_does_not_appear_is_named(tmp_path: Path) -> None:
    async with peers(tmp_path, A, B) as made:
        assert (await made[A].links.to({B}, PATIENCE)).keys() == {B}
        with pytest.raises(Unreachable, match=C) as caught:
            await made[A].links.to({B, C}, 0.5)
        assert caught.value.party == C


async def test_a_lower_point_dials_so_a_higher_one_waits(tmp_path: Path) -> None:
    async with peers(tmp_path, B, C) as made:
        with pytest.raises(Unreachable) as caught:
            await made[B].links.to({A}, 0.3)
        assert caught.value.party == A
        await made[B].links.to({C}, PATIENCE)


async def test_a_peer_that_ends_is_lost_and_found_again_when_it_comes_back(tmp_path: Path) -> None:
    async with peers(tmp_path, A, B) as made:
        await made[A].links.to({B}, PATIENCE)
        await made[B].stop()
        await until(lambda: made[A].heard.losses == [B])
        assert made[A].links.connected == ()
        await made[B].start()
        [link] = (await made[A].links.to({B}, PATIENCE)).values()
        link.post(frame(b"again"))
        await until(lambda: made[B].heard.frames == [(A, b"again")])


async def test_a_link_that_broke_says_so_when_it_is_used(tmp_path: Path) -> None:
    async with peers(tmp_path, A, B) as made:
        [link] = (await made[A].links.to({B}, PATIENCE)).values()
        await made[B].stop()
        await until(lambda: made[A].heard.losses == [B])
        link.post(frame())
        with pytest.raises(Unreachable) as caught:
            await link.flush()
        assert caught.value.party == B
        await made[B].start()


async def test_a_second_stream_of_a_peer_replaces_the_first(tmp_path: Path) -> None:
    async with peers(tmp_path, A, B) as made:
        await made[A].links.to({B}, PATIENCE)
        await until(lambda: A in made[B].links.connected)
        channel = PinnedChannel(made[A].home, endpoint(made[A].membership, B))
        try:
            call: Any = (await channel.get()).stream_stream(METHOD)()
            await call.write(encode([frame(b"second")]))
            await until(lambda: made[B].heard.frames == [(A, b"second")])
            assert made[B].heard.losses == [A]  # what waits for the first must not wait on
            (await made[B].links.to({A}, PATIENCE))[A].post(frame(b"answer"))
            answers = [decode(await call.read()) for _ in range(2)]
            assert [[each.body for each in some] for some in answers] == [[], [b"answer"]]  # the stream stands, first
        finally:
            await channel.close()


class Line:
    """A server's side of a stream, played by hand."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.incoming: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def write(self, message: bytes) -> None:
        self.written.append(message)

    async def requests(self) -> AsyncIterator[bytes]:
        while (message := await self.incoming.get()) is not None:
            yield message


def served(links: Links, line: Line, peer: PartyId = A) -> asyncio.Task[None]:
    return asyncio.create_task(links.serve(peer, line.requests(), cast(Any, line)))


async def test_a_message_without_a_frame_is_nothing() -> None:
    heard, line = Heard(), Line()
    task = served(Links({}, heard.deliver, heard.lose), line)
    line.incoming.put_nowait(b"")
    line.incoming.put_nowait(encode([frame()]))
    line.incoming.put_nowait(None)
    await task
    assert (heard.frames, heard.losses) == ([(A, b"hello")], [A])


async def test_the_end_of_a_replaced_stream_does_not_take_the_new_one_away() -> None:
    heard, old, new = Heard(), Line(), Line()
    links = Links({}, heard.deliver, heard.lose)
    first = served(links, old)
    await until(lambda: links.connected == (A,))
    second = served(links, new)
    await until(lambda: heard.losses == [A])
    old.incoming.put_nowait(None)
    await first
    assert links.connected == (A,)
    assert heard.losses == [A]
    link = (await links.to({A}, PATIENCE))[A]
    link.post(frame(b"to the new one"))
    await link.flush()
    assert [each.body for each in decode(new.written[-1])] == [b"to the new one"]
    new.incoming.put_nowait(None)
    await second
    assert not links.connected


async def test_writes_of_several_attempts_do_not_overlap_on_one_stream() -> None:
    under_way, most, heard = 0, 0, list[bytes]()

    async def write(message: bytes) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        heard.extend(bytes(each.body) for each in decode(message))
        under_way -= 1

    link = StreamLink(A, write)
    bodies = [str(number).encode() for number in range(20)]
    for at, body in enumerate(bodies):
        link.post(frame(body))
        if not at % 5:
            await asyncio.sleep(0)
    await link.flush()
    assert most == 1
    assert heard == bodies
    assert link.sent == sum(map(len, bodies))


async def test_what_waits_together_leaves_together_up_to_a_bound() -> None:
    messages = []

    async def write(message: bytes) -> None:
        messages.append([len(each.body) for each in decode(message)])

    link = StreamLink(A, write)
    for size in (1, 2, 3, FRAME_BYTES, TOGETHER // 2, TOGETHER // 2):
        link.post(frame(bytes(size)))
    await link.flush()
    assert messages == [[1, 2, 3], [FRAME_BYTES], [TOGETHER // 2], [TOGETHER // 2]]


class _Ended(Exception):
    """As gRPC raises it for a call that has ended: an error of its own that belongs to none of its public ones."""


class Ending:
    """A channel, and its call, that ends at one of its steps."""

    def __init__(self, step: str, error: Callable[[], Exception]) -> None:
        self.step, self.error = step, error
        self.ended = 0
        self.message = b""

    def _at(self, step: str) -> None:
        if step == self.step:
            self.ended += 1
            raise self.error()

    async def get(self) -> Ending:
        self._at("get")
        return self

    def stream_stream(self, method: str) -> Callable[[], Ending]:
        self._at("stream_stream")
        return lambda: self

    async def write(self, message: bytes) -> None:
        self._at("write")

    def __aiter__(self) -> Ending:
        return self

    async def __anext__(self) -> bytes:
        self._at("read")
        await asyncio.sleep(0)
        return self.message

    def cancel(self) -> None: ...

    def suspect(self) -> None: ...

    async def close(self) -> None: ...


@pytest.mark.parametrize("make", [_Ended, grpc.RpcError, lambda: Unreachable("gone"), lambda: ValueError("own files")])
@pytest.mark.parametrize("step", ["get", "stream_stream", "write", "read"])
async def test_a_peer_is_dialled_again_whatever_has_happened(step: str, make: Callable[[], Exception]) -> None:
    heard, channel = Heard(), Ending(step, make)
    links = Links({B: cast(Any, channel)}, heard.deliver, heard.lose)
    links.start()
    await until(lambda: channel.ended > 1)
    await links.stop()


@pytest.mark.parametrize(("error", "is_ours"), [(ValueError("17 is a share"), True), (grpc.RpcError(), False)])
async def test_a_defect_of_ours_is_reported_as_one_and_without_its_words(error: Exception, is_ours: bool) -> None:
    def fail(peer: PartyId, got: Frame) -> None:
        raise error

    channel = Ending("", _Ended)
    links = Links({B: cast(Any, channel)}, fail, Heard().lose)
    with structlog.testing.capture_logs() as logged:
        channel.message = encode([frame()])
        links.start()
        await until(lambda: bool([each for each in logged if each["event"] == "peer_stream_ended"]))
        await links.stop()
    assert bool([each for each in logged if each["event"] == "defect"]) is is_ours
    assert "17" not in str([each for each in logged if each["event"] == "peer_stream_ended"])


async def test_a_write_that_grpc_gives_up_breaks_the_stream() -> None:
    async def write(_: bytes) -> None:
        raise asyncio.CancelledError

    link = StreamLink(A, write)
    link.post(frame())
    with pytest.raises(Unreachable):
        await link.flush()


async def test_a_flush_waits_for_what_was_posted_before_it_and_for_no_more() -> None:
    gate, written = asyncio.Semaphore(0), list[bytes]()

    async def write(message: bytes) -> None:
        await gate.acquire()
        written.append(message)

    link = StreamLink(A, write)
    link.post(frame(b"before"))
    waiting = asyncio.create_task(link.flush())
    await asyncio.sleep(0)
    link.post(frame(b"after"))
    gate.release()
    await waiting
    assert len(written) == 1
    gate.release()
    await link.flush()
    assert len(written) == 2


def broken_by_grpc() -> Exception:
    return grpc.RpcError()


@pytest.mark.parametrize("make", [broken_by_grpc, asyncio.InvalidStateError, lambda: Unreachable("gone"), _Ended])
async def test_whatever_breaks_a_write_is_the_peers_absence(make: Callable[[], Exception]) -> None:
    async def write(_: bytes) -> None:
        raise make()

    link = StreamLink(A, write)
    link.post(frame())
    with pytest.raises(Unreachable) as caught:
        await link.flush()
    assert caught.value.party == A
    with pytest.raises(Unreachable):
        link.post(frame())


async def test_who_sends_what_are_no_frames_is_named_and_the_stream_goes_on() -> None:
    heard, line = Heard(), Line()
    task = served(Links({}, heard.deliver, heard.lose), line)
    line.incoming.put_nowait(encode([frame()])[:-1])
    line.incoming.put_nowait(encode([frame(b"again")]))
    line.incoming.put_nowait(None)
    await task
    [error, end] = heard.errors
    assert isinstance(error, Malformed)
    assert (error.culprits, end, heard.frames) == ((A,), None, [(A, b"again")])


async def test_a_peer_of_an_earlier_release_is_no_cheat() -> None:
    heard, line = Heard(), Line()
    task = served(Links({}, heard.deliver, heard.lose), line)
    line.incoming.put_nowait(bytes.fromhex("0a04120068656c6c6f"))
    line.incoming.put_nowait(None)
    await task
    assert isinstance(heard.errors[0], Failed)
    assert heard.errors[0].culprits == ()
