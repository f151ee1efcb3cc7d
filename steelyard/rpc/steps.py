"""The steps of a protocol, one at a time: on the event loop, or in a thread that a cancelled attempt leaves behind."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from steelyard.rounds import Fork, Inbox, Protocol, Round
from steelyard.rpc.pace import Pace, Stopwatch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Output(Generic[T]):
    value: T = field(repr=False)  # shares, perhaps; asyncio shows the result of a future in its complaints


@dataclass(slots=True)
class Steps(Generic[T]):
    """`close` it in the end, whatever happened."""

    protocol: Protocol[T]
    executor: Executor | None
    _running: asyncio.Future[Any] | None = field(default=None, init=False)

    async def advance(self, inbox: Inbox | None, pace: Pace | None) -> Round | Fork | Output[T]:
        """The next step.  Cancelled, it returns at once, and what has begun in a thread goes on to its end there.

        What still waits for a thread never begins: it could sign or enter something for an attempt that is over.
        """
        if self.executor is None:
            return _step(self.protocol, inbox)
        if pace and pace.brisk:
            return _timed(self.protocol, inbox, pace)
        step = self.executor.submit(_timed, self.protocol, inbox, pace)
        self._running = asyncio.wrap_future(step)
        try:
            return await asyncio.shield(self._running)
        except asyncio.CancelledError:
            step.cancel()  # of no effect on one that has begun
            raise

    def close(self) -> None:
        """Now, or once its step in a thread has ended.

        Not a moment before: to close a generator that runs in another thread does not always raise ValueError.
        Python 3.11 may take what lies on that generator's stack for what it awaits, and has crashed whole nodes.
        """
        if self._running is None or self._running.done():
            self.protocol.close()
        else:
            self._running.add_done_callback(self._close_after)

    def _close_after(self, step: asyncio.Future[Any]) -> None:
        if not step.cancelled():
            step.exception()  # seen, though nobody listens any more
        self.protocol.close()


def _step(protocol: Protocol[T], inbox: Inbox | None) -> Round | Fork | Output[T]:
    try:
        return next(protocol) if inbox is None else protocol.send(inbox)
    except StopIteration as end:
        return Output(end.value)


def _timed(protocol: Protocol[T], inbox: Inbox | None, pace: Pace | None) -> Round | Fork | Output[T]:
    with Stopwatch(pace) if pace else nullcontext():
        return _step(protocol, inbox)
