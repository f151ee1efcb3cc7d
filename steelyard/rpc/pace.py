"""`Pace`: whether swift steps of a protocol, which wait for nothing, run on the event loop or in a worker thread."""

from __future__ import annotations

import time
from typing import Final

SHORT: Final = 0.010  # seconds of processor time: a change of threads and back takes a third of a millisecond
PROMPT: Final = 0.05  # seconds, with what a step waits for
AFTER: Final = 32  # short steps one after the other


class Pace:
    """In a thread, until many steps have been short; after one that was not, in a thread again.

    So thousands of small rounds do not pay for threads, and whatever is long leaves the loop free to answer others.
    """

    def __init__(self) -> None:
        self._short = 0

    @property
    def brisk(self) -> bool:
        return self._short >= AFTER

    def took(self, computing: float, seconds: float) -> None:
        """A step: so long on a processor, and so long in all."""
        self._short = self._short + 1 if computing < SHORT and seconds < PROMPT else 0


class Stopwatch:
    """Of one step, in the thread that it runs in."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def __enter__(self) -> None:
        self._began = time.thread_time(), time.monotonic()

    def __exit__(self, *_: object) -> None:
        computing, began = self._began
        self._pace.took(time.thread_time() - computing, time.monotonic() - began)
