"""Pumps a protocol over peer streams: its messages in frames of at most 1 MiB, long arithmetic in a worker thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeVar
from typing import Protocol as Interface

from steelyard.errors import Invalid, SteelyardError, Unreachable
from steelyard.ids import PartyId
from steelyard.rounds import Fork, Inbox, Message, Protocol
from steelyard.rpc.frames import FRAME_BYTES, Frame
from steelyard.rpc.mailbox import MAIN, Mailbox
from steelyard.rpc.pace import Pace
from steelyard.rpc.steps import Output, Steps
from steelyard.v1.peer_pb2 import Abort

T = TypeVar("T")
_FAREWELL: Final = 2.0  # seconds for the word that an attempt is given up


class Link(Interface):
    """One live stream to a peer."""

    def post(self, frame: Frame) -> None: ...

    async def flush(self) -> None: ...


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
    changes of threads cost more than the steps.  With one, swift steps run there too while they are short: see
    steelyard.rpc.pace.  `first` is the number of the protocol's first round.
    """
    return await _Drive(attempt, mailbox, links, executor, patience, on_step).run(protocol, MAIN, first)


@dataclass(frozen=True, slots=True)
class _Drive:
    attempt: bytes
    mailbox: Mailbox
    links: Mapping[PartyId, Link]
    executor: Executor | None
    patience: float
    on_step: Callable[[str], None]
    branches: Iterator[int] = field(default_factory=lambda: count(MAIN + 1))

    async def run(self, protocol: Protocol[T], branch: int, first: int = 0) -> T:
        number = first
        inbox: Inbox | None = None
        pace, swift, steps = Pace(), False, Steps(protocol, self.executor)
        try:
            while True:
                step = await steps.advance(inbox, pace if swift else None)
                if isinstance(step, Output):
                    return step.value
                if isinstance(step, Fork):
                    if branch != MAIN:  # branches of branches would be numbered by chance
                        raise Invalid("a branch does not fork")
                    await self._fork(step)
                    inbox = {}
                    continue
                if branch == MAIN:
                    self.on_step(step.step)
                for peer, message in step.send.items():
                    self._send(peer, branch, number, step.step, message)
                swift = step.swift and self.executor is not None
                inbox = await self.mailbox.collect(branch, number, step, self.patience)
                number += 1
        finally:
            try:
                if branch == MAIN:
                    await _settle(self.links.values(), self.patience)
            finally:
                self.mailbox.end(branch)
                steps.close()

    async def _fork(self, fork: Fork) -> None:
        running: deque[asyncio.Task[object]] = deque()
        try:
            for protocol in fork.branches:
                if len(running) >= fork.depth:
                    fork.results.append(await running[0])
                    running.popleft()
                running.append(asyncio.create_task(self.run(protocol, next(self.branches))))
            while running:
                fork.results.append(await running[0])
                running.popleft()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _send(self, peer: PartyId, branch: int, number: int, step: str, message: Message) -> None:
        view = memoryview(message).cast("B")
        if not len(view):
            raise Invalid("an empty message cannot be told from none")
        try:
            for offset in range(0, len(view), FRAME_BYTES):
                body = view[offset : offset + FRAME_BYTES]
                self.links[peer].post(Frame(self.attempt, branch, number, step, len(view), offset, body))
        except Unreachable as error:
            self.mailbox.lose(peer, error)


async def _settle(links: Iterable[Link], patience: float) -> None:
    """What we owe the others must still leave, though not for ever."""
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await asyncio.gather(*(link.flush() for link in links), return_exceptions=True)


async def give_up(error: SteelyardError, attempt: bytes, links: Mapping[PartyId, Link]) -> None:
    """Tells the peers, as far as they listen, why this attempt ends here."""
    abort = Abort(reason=error.reason, message=error.message, culprits=error.culprits, suspects=error.suspects)
    for link in links.values():
        with suppress(Unreachable):
            link.post(Frame(attempt, abort=abort))
    await _settle(links.values(), _FAREWELL)
