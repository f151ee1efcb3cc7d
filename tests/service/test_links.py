"""Peer streams: one per pair, both ways, named by certificate, reopened when they end, replaced when dialled again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from node.authorisation import ROLES
from node.peers import PeerService, endpoint, links_of
from steelyard.errors import Unreachable
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Layout
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.links import Links, StreamLink
from steelyard.rpc.server import Server
from steelyard.v1 import peer_pb2, peer_pb2_grpc
from tests.service.fakes import make_consortium, until

A, B, C = PartyId("bank-a"), PartyId("bank-b"), PartyId("bank-c")


def frame(body: bytes = b"hello") -> peer_pb2.Frame:
    return peer_pb2.Frame(attempt=bytes(16), step="hello", length=len(body), body=body)


@dataclass
class Heard:
    """In the place of sessions: writes down who said what, and who was lost."""

    frames: list[tuple[PartyId, bytes]] = field(default_factory=list)
    losses: list[PartyId] = field(default_factory=list)

    def deliver(self, peer: PartyId, got: peer_pb2.Frame) -> None:
        self.frames.append((peer, got.body))

    def lose(self, peer: PartyId) -> None:
        self.losses.append(peer)


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
        add = partial(peer_pb2_grpc.add_PeerServiceServicer_to_server, PeerService(self.links))
        authorise = Authorise(self.membership, ROLES, self.party)
        self.server = Server(self.membership.address(self.party), self.home, authorise, [add])
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
            for to, link in (await peer.links.to({A, B, C} - {me}, 5)).items():
                await link.send(frame(f"{me} to {to}".encode()))
        for me, peer in made.items():
            heard = peer.heard
            await until(lambda heard=heard: len(heard.frames) == 2)  # type: ignore[misc]
            assert sorted(heard.frames) == [(p, f"{p} to {me}".encode()) for p in (A, B, C) if p != me]
            assert peer.links.connected == tuple(p for p in (A, B, C) if p != me)
            assert heard.losses == []


async def test_a_peer_that_does_not_appear_is_named(tmp_path: Path) -> None:
    async with peers(tmp_path, A, B) as made:
        with pytest.raises(Unreachable, match=C) as caught:
            await made[A].links.to({B, C}, 0.5)
        assert caught.value.party == C
        assert (await made[A].links.to({B}, 5)).keys() == {B}


async def test_a_lower_point_dials_so_a_higher_one_waits(tmp_path: Path) -> None:
    async with peers(tmp_path, B, C) as made:
        with pytest.raises(Unreachable) as caught:
            await made[B].links.to({A}, 0.3)
        assert caught.value.party == A
        await made[B].links.to({C}, 5)


async def test_a_peer_that_ends_is_lost_and_found_again_when_it_comes_back(tmp_path: Path) -> None:
    async with peers(tmp_path, A, B) as made:
        await made[A].links.to({B}, 5)
        await made[B].stop()
        await until(lambda: made[A].heard.losses == [B])
        assert made[A].links.connected == ()
        await made[B].start()
        [link] = (await made[A].links.to({B}, 10)).values()
        await link.send(frame(b"again"))
        await until(lambda: made[B].heard.frames == [(A, b"again")])


async def test_a_link_that_broke_says_so_when_it_is_used(tmp_path: Path) -> None:
    async with peers(tmp_path, A, B) as made:
        [link] = (await made[A].links.to({B}, 5)).values()
        await made[B].stop()
        await until(lambda: made[A].heard.losses == [B])
        with pytest.raises(Unreachable) as caught:
            await link.send(frame())
        assert caught.value.party == B
        await made[B].start()


async def test_a_second_stream_of_a_peer_replaces_the_first(tmp_path: Path) -> None:
    async with peers(tmp_path, A, B) as made:
        await made[A].links.to({B}, 5)
        await until(lambda: A in made[B].links.connected)
        channel = PinnedChannel(made[A].home, endpoint(made[A].membership, B))
        try:
            call = peer_pb2_grpc.PeerServiceStub(await channel.get()).Exchange()
            await call.write(peer_pb2.ExchangeRequest(frame=frame(b"second")))
            await until(lambda: made[B].heard.frames == [(A, b"second")])
            assert made[B].heard.losses == [A]  # what waits for the first must not wait on
            await (await made[B].links.to({A}, 5))[A].send(frame(b"answer"))
            answers = [cast(peer_pb2.ExchangeResponse, await call.read()) for _ in range(2)]
            assert [each.frame.body for each in answers] == [b"", b"answer"]  # the first says that the stream stands
        finally:
            await channel.close()


class Line:
    """A server's side of a stream, played by hand."""

    def __init__(self) -> None:
        self.written: list[peer_pb2.ExchangeResponse] = []
        self.incoming: asyncio.Queue[peer_pb2.ExchangeRequest | None] = asyncio.Queue()

    async def write(self, message: peer_pb2.ExchangeResponse) -> None:
        self.written.append(message)

    async def requests(self) -> AsyncIterator[peer_pb2.ExchangeRequest]:
        while (message := await self.incoming.get()) is not None:
            yield message


def served(links: Links, line: Line, peer: PartyId = A) -> asyncio.Task[None]:
    return asyncio.create_task(links.serve(peer, line.requests(), cast(Any, line)))


async def test_a_message_without_a_frame_is_nothing() -> None:
    heard, line = Heard(), Line()
    task = served(Links({}, heard.deliver, heard.lose), line)
    line.incoming.put_nowait(peer_pb2.ExchangeRequest())
    line.incoming.put_nowait(peer_pb2.ExchangeRequest(frame=frame()))
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
    await (await links.to({A}, 1))[A].send(frame(b"to the new one"))
    assert new.written[-1].frame.body == b"to the new one"
    new.incoming.put_nowait(None)
    await second
    assert not links.connected


async def test_writes_of_several_attempts_do_not_overlap_on_one_stream() -> None:
    under_way, most = 0, 0

    async def write(_: peer_pb2.Frame) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    link = StreamLink(A, write)
    await asyncio.gather(*(link.send(frame()) for _ in range(20)))
    assert most == 1


def broken_by_grpc() -> Exception:
    return grpc.RpcError()


@pytest.mark.parametrize("make", [broken_by_grpc, asyncio.InvalidStateError, lambda: Unreachable("gone")])
async def test_whatever_breaks_a_write_is_the_peers_absence(make: Callable[[], Exception]) -> None:
    async def write(_: peer_pb2.Frame) -> None:
        raise make()

    with pytest.raises(Unreachable) as caught:
        await StreamLink(A, write).send(frame())
    assert caught.value.party == A
