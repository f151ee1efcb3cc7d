"""The peer streams of a node: one per pair, opened by the lower evaluation point, kept and reopened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Final

import grpc
import structlog

from steelyard.errors import SteelyardError, Unreachable
from steelyard.ids import PartyId
from steelyard.rpc.channel import PinnedChannel
from steelyard.v1 import peer_pb2, peer_pb2_grpc

log = structlog.get_logger()
RETRY: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # seconds between dials; the last one repeats

OnFrame = Callable[[PartyId, peer_pb2.Frame], None]
OnLost = Callable[[PartyId], None]


class StreamLink:
    """One live stream; writes are serialised because a gRPC stream takes one at a time."""

    def __init__(self, peer: PartyId, write: Callable[[peer_pb2.Frame], Awaitable[None]]) -> None:
        self.peer = peer
        self._write = write
        self._lock = asyncio.Lock()
        self.sent = 0  # bytes of messages, without headers

    async def send(self, frame: peer_pb2.Frame) -> None:
        try:
            async with self._lock:
                await self._write(frame)
            self.sent += len(frame.body)
        except (grpc.RpcError, asyncio.InvalidStateError, SteelyardError):
            raise Unreachable(f"the stream to {self.peer} broke", party=self.peer) from None


class Links:
    """Keeps a link to every peer: dials those with a higher point, is dialled by the others."""

    def __init__(self, channels: Mapping[PartyId, PinnedChannel], on_frame: OnFrame, on_lost: OnLost) -> None:
        self._channels = channels
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._links: dict[PartyId, StreamLink] = {}
        self._changed = asyncio.Condition()
        self._hurry = {peer: asyncio.Event() for peer in channels}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep(peer)) for peer in self._channels]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()

    @property
    def connected(self) -> tuple[PartyId, ...]:
        return tuple(sorted(self._links))

    async def to(self, peers: Iterable[PartyId], patience: float) -> dict[PartyId, StreamLink]:
        """A link to each of `peers`, or Unreachable naming those that did not appear in `patience` seconds."""
        wanted = set(peers)
        for peer in wanted & self._hurry.keys():
            self._hurry[peer].set()
        try:
            async with asyncio.timeout(patience), self._changed:
                await self._changed.wait_for(lambda: wanted <= self._links.keys())
        except TimeoutError:
            missing = sorted(wanted - self._links.keys())
            raise Unreachable(f"no peer stream to {', '.join(missing)}", party=missing[0]) from None
        return {peer: self._links[peer] for peer in wanted}

    async def serve(
        self,
        peer: PartyId,
        requests: AsyncIterator[peer_pb2.ExchangeRequest],
        context: grpc.aio.ServicerContext[peer_pb2.ExchangeRequest, peer_pb2.ExchangeResponse],
    ) -> None:
        """The server's side of a stream the peer opened; returns when it ends."""
        link = StreamLink(peer, lambda frame: context.write(peer_pb2.ExchangeResponse(frame=frame)))
        await context.write(peer_pb2.ExchangeResponse())  # an empty message tells the dialler that the stream stands
        await self._attach(link)
        try:
            async for message in requests:
                if message.HasField("frame"):
                    self._on_frame(peer, message.frame)
        finally:
            await self._detach(link)

    async def _keep(self, peer: PartyId) -> None:
        tries = 0
        while True:
            began = asyncio.get_running_loop().time()
            await self._dial_once(peer)
            tries = 0 if asyncio.get_running_loop().time() - began > RETRY[-1] else tries + 1
            self._hurry[peer].clear()
            try:
                async with asyncio.timeout(RETRY[min(tries, len(RETRY) - 1)]):
                    await self._hurry[peer].wait()
            except TimeoutError:
                continue
            await asyncio.sleep(RETRY[0])

    async def _dial_once(self, peer: PartyId) -> None:
        try:
            channel = await self._channels[peer].get()
        except SteelyardError as error:
            log.info("peer_unreachable", peer=peer, problem=error.message)
            return
        call = peer_pb2_grpc.PeerServiceStub(channel).Exchange()
        link = StreamLink(peer, lambda frame: call.write(peer_pb2.ExchangeRequest(frame=frame)))
        try:
            await call.write(peer_pb2.ExchangeRequest())
            async for message in call:
                if self._links.get(peer) is not link:
                    await self._attach(link)
                if message.HasField("frame"):
                    self._on_frame(peer, message.frame)
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            log.info("peer_stream_ended", peer=peer, code=str(getattr(error, "code", lambda: "")()))
        finally:
            call.cancel()
            self._channels[peer].suspect()
            await self._detach(link)

    async def _attach(self, link: StreamLink) -> None:
        async with self._changed:
            replaced = self._links.get(link.peer)
            self._links[link.peer] = link
            self._changed.notify_all()
        if replaced is not None:
            self._on_lost(link.peer)

    async def _detach(self, link: StreamLink) -> None:
        async with self._changed:
            if self._links.get(link.peer) is not link:
                return
            del self._links[link.peer]
        self._on_lost(link.peer)
