"""Counts what a protocol does while somebody else plays it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from steelyard.rounds import Fork, Inbox, Protocol, Round

T = TypeVar("T")


@dataclass
class Count:
    """One party's: the steps one after the other, of branches side by side those of the longest; bytes of messages."""

    steps: list[str] = field(default_factory=list)
    sent: int = 0
    received: int = 0


def counted(protocol: Protocol[T], count: Count) -> Protocol[T]:
    """The same protocol.  An error of the driver ends it here: whoever counts does not go on without somebody."""
    inbox: Inbox | None = None
    try:
        while True:
            step = next(protocol) if inbox is None else protocol.send(inbox)
            if isinstance(step, Round):
                count.steps.append(step.step)
                count.sent += sum(memoryview(message).nbytes for message in step.send.values())
                inbox = yield step
                count.received += sum(map(len, inbox.values()))
            else:
                inner: list[Count] = []
                yield Fork(_branches(step, inner), step.depth, step.results)
                longest = max(inner, key=lambda each: len(each.steps), default=Count())
                count.steps += longest.steps
                count.sent += sum(each.sent for each in inner)
                count.received += sum(each.received for each in inner)
                inbox = {}
    except StopIteration as end:
        output: T = end.value
        return output


def _branches(fork: Fork, counts: list[Count]) -> Iterator[Protocol[object]]:
    for branch in fork.branches:
        counts.append(Count())
        yield counted(branch, counts[-1])
