"""Courtesy: upkeep of stored sharings steps back for short jobs, which people wait for.

Between two steps it waits for the short jobs that are under way: a little, so that it comes to its end however many
follow each other.  (Threads of a lower priority were tried and are no better: one that is put aside while it holds
Python's lock stops the event loop.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from steelyard.rounds import Protocol, stepwise

T = TypeVar("T")

MOST: Final = 0.2  # seconds that one step waits for short jobs
QUIET: Final = 0.1  # seconds after which it is not to be reckoned with another one: who asks often asks soon


class Courtesy:
    """One per node; callable from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._short = 0
        self._ended = -QUIET

    @contextmanager
    def hurrying(self) -> Iterator[None]:
        """Around a short job."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def paced(self, protocol: Protocol[T]) -> Protocol[T]:
        """The same, waiting before each step while there are short jobs: in a thread of its own."""
        return stepwise(protocol, before=self._wait)

    def _count(self, more: int) -> None:
        with self._changed:
            self._short += more
            self._ended = time.monotonic()
            self._changed.notify_all()

    def _wait(self) -> None:
        now = time.monotonic()
        until = now + MOST
        with self._changed:
            while now < (end := until if self._short else min(until, self._ended + QUIET)):
                self._changed.wait(end - now)
                now = time.monotonic()
