"""The peer streams of a node: one per pair, opened by the lower evaluation point, kept and reopened."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Final

import grpc
import grpc.aio
import structlog

from steelyard.errors import Malformed, SteelyardError, Unreachable
from steelyard.ids import PartyId
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.defects import reported
from steelyard.rpc.frames import Frame, decode, encode

log = structlog.get_logger()
RETRY: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # seconds between dials; the last one repeats
TOGETHER: Final = 1 << 20  # bytes of frames that share a message, if they are there at once
METHOD: Final = "/steelyard.v1.PeerService/Exchange"
_ENDS: Final = (grpc.RpcError, asyncio.InvalidStateError, SteelyardError)

OnFrame = Callable[[PartyId, Frame], None]
OnLost = Callable[[PartyId, SteelyardError | None], None]


class StreamLink:
    """One live stream.  What is posted leaves in its order, one message at a time, as a gRPC stream takes them."""

    def __init__(self, peer: PartyId, write: Callable[[bytes], Awaitable[None]]) -> None:
        self.peer = peer
        self._write = write
        self._waiting = deque[Frame | asyncio.Future[None]]()  # a future marks where somebody waits
        self._writer: asyncio.Task[None] | None = None
        self._broken = False
        self.sent = 0  # bytes of messages, without headers

    def post(self, frame: Frame) -> None:
        """To leave soon.  Raises Unreachable when the stream has broken; later, whoever keeps the links hears of it."""
        if self._broken:
            raise self._unreachable()
        self._waiting.append(frame)
        if self._writer is None:
            self._writer = asyncio.create_task(self._empty())

    async def flush(self) -> None:
        """Returns when all that was posted before has left; raises Unreachable when it cannot."""
        if self._writer is not None:
            mark: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(mark)
            await mark
        if self._broken:
            raise self._unreachable()

    async def _empty(self) -> None:
        try:
            while self._waiting:
                if frames := self._next():
                    await self._write(encode(frames))
                    self.sent += sum(len(frame.body) for frame in frames)
        except asyncio.CancelledError:
            self._broken = True  # gRPC says so, too, of a write to a call that we have cancelled
            raise
        except Exception as error:
            self._broken = True
            _ended(self.peer, error)
        finally:
            self._writer = None
            while self._waiting:  # nothing is, unless it broke
                self._passed(self._waiting.popleft())

    def _next(self) -> list[Frame]:
        """Frames that leave together: those before the next mark."""
        frames: list[Frame] = []
        size = 0
        while self._waiting:
            item = self._waiting[0]
            if isinstance(item, Frame):
                size += item.bytes
                if frames and size > TOGETHER:
                    break
                frames.append(item)
            elif frames:
                break
            self._passed(self._waiting.popleft())
        return frames

    def _passed(self, item: Frame | asyncio.Future[None]) -> None:
        if not isinstance(item, Frame) and not item.done():
            item.set_result(None)

    def _unreachable(self) -> Unreachable:
        return Unreachable(f"the stream to {self.peer} broke", party=self.peer)


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
        requests: AsyncIterator[bytes],
        context: grpc.aio.ServicerContext[bytes, bytes],
    ) -> None:
        """The server's side of a stream the peer opened; returns when it ends."""
        link = StreamLink(peer, context.write)
        await context.write(b"")  # an empty message tells the dialler that the stream stands
        await self._attach(link)
        try:
            async for message in requests:
                self._take(peer, message)
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
            await self._converse(peer, channel.stream_stream(METHOD)())
        except SteelyardError as error:
            log.info("peer_unreachable", peer=peer, problem=error.message)
        except Exception as error:  # whatever it is, the peer is dialled again
            _ended(peer, error)

    async def _converse(self, peer: PartyId, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        """The dialler's side of a stream; returns when it ends."""
        link = StreamLink(peer, call.write)
        try:
            await call.write(b"")
            async for message in call:
                if self._links.get(peer) is not link:
                    await self._attach(link)
                self._take(peer, message)
        finally:
            call.cancel()
            self._channels[peer].suspect()
            await self._detach(link)

    def _take(self, peer: PartyId, message: bytes) -> None:
        try:
            frames = decode(message)
        except Malformed as error:
            return self._on_lost(peer, Malformed(f"{peer}: {error.message}", culprits=(peer,)))
        except SteelyardError as error:
            return self._on_lost(peer, error)
        for frame in frames:
            self._on_frame(peer, frame)
        return None

    async def _attach(self, link: StreamLink) -> None:
        async with self._changed:
            replaced = self._links.get(link.peer)
            self._links[link.peer] = link
            self._changed.notify_all()
        if replaced is not None:
            self._on_lost(link.peer, None)

    async def _detach(self, link: StreamLink) -> None:
        async with self._changed:
            if self._links.get(link.peer) is not link:
                return
            del self._links[link.peer]
        self._on_lost(link.peer, None)


def _ended(peer: PartyId, error: Exception) -> None:
    """gRPC has errors of its own, public ones and private ones, for each way a call ends; any other is a defect."""
    if not isinstance(error, _ENDS) and not type(error).__module__.startswith("grpc."):
        reported(error, peer=peer)
    code = error.code() if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
    log.info("peer_stream_ended", peer=peer, code=str(code))
