"""Pumps a protocol over peer streams: its messages in frames of at most 1 MiB, long arithmetic in a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar
from typing import Protocol as Interface

from steelyard.errors import SteelyardError, Unreachable
from steelyard.ids import PartyId
from steelyard.rounds import Inbox, Protocol, Round
from steelyard.rpc.mailbox import FRAME_BYTES, Mailbox
from steelyard.v1 import peer_pb2

T = TypeVar("T")


class Link(Interface):
    """One live stream to a peer."""

    async def send(self, frame: peer_pb2.Frame) -> None: ...


@dataclass(frozen=True, slots=True)
class _Output(Generic[T]):
    value: T


async def drive(
    protocol: Protocol[T],
    attempt: bytes,
    mailbox: Mailbox,
    links: Mapping[PartyId, Link],
    executor: Executor | None,
    patience: float,
    on_step: Callable[[str], None] = lambda step: None,
    first: int = 0,
) -> T:
    """The protocol's output.  Raises its errors, TimedOut or Unreachable; no round waits longer than `patience` s.

    Without an executor the steps run on the event loop, with whatever they wait for: right for short vectors, where the
    changes of threads cost more than the steps.  `first` is the number of the protocol's first round.
    """
    loop, number, inbox = asyncio.get_running_loop(), first, None
    sending: set[asyncio.Task[None]] = set()
    try:
        while True:
            round_ = (
                await loop.run_in_executor(executor, _step, protocol, inbox) if executor else _step(protocol, inbox)
            )
            if isinstance(round_, _Output):
                return round_.value
            on_step(round_.step)
            sending |= {
                asyncio.create_task(_send(links[peer], attempt, number, round_.step, message, mailbox, peer))
                for peer, message in round_.send.items()
            }
            inbox = await mailbox.collect(number, round_, patience)
            sending = {task for task in sending if not task.done()}
            number += 1
    finally:
        await _settle(sending, patience)
        protocol.close()


def _step(protocol: Protocol[T], inbox: Inbox | None) -> Round | _Output[T]:
    try:
        return next(protocol) if inbox is None else protocol.send(inbox)
    except StopIteration as end:
        return _Output(end.value)


async def _send(
    link: Link,
    attempt: bytes,
    number: int,
    step: str,
    message: bytes | bytearray,
    mailbox: Mailbox,
    peer: PartyId,
) -> None:
    view = memoryview(message)
    try:
        for offset in range(0, len(view), FRAME_BYTES):
            body = bytes(view[offset : offset + FRAME_BYTES])
            await link.send(
                peer_pb2.Frame(attempt=attempt, round=number, step=step, length=len(view), offset=offset, body=body)
            )
    except Unreachable as error:
        mailbox.lose(peer, error)


async def _settle(sending: set[asyncio.Task[None]], patience: float) -> None:
    """What we owe the others must still leave, though not for ever."""
    if sending:
        _, late = await asyncio.wait(sending, timeout=patience)
        for task in late:
            task.cancel()


async def give_up(error: SteelyardError, attempt: bytes, links: Mapping[PartyId, Link]) -> None:
    """Tells the peers, as far as they listen, why this attempt ends here."""
    abort = peer_pb2.Abort(reason=error.reason, message=error.message, culprits=error.culprits, suspects=error.suspects)
    frame = peer_pb2.Frame(attempt=attempt, abort=abort)
    await asyncio.wait_for(
        asyncio.gather(*(link.send(frame) for link in links.values()), return_exceptions=True), timeout=2
    )
