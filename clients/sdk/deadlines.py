"""How long to wait: no call without a deadline, and a short patience with a coordinator that is being restarted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from steelyard.errors import Failed, Invalid, TimedOut, Unreachable

CALL: Final = 15.0  # seconds, for one short call
RECONNECT: Final = 15.0  # seconds without an answer after which an interrupted watch gives up
_PAUSE: Final = 0.25


class Deadline:
    """A moment on the monotonic clock.  Raises Invalid unless 0 < seconds <= a week."""

    def __init__(self, seconds: float) -> None:
        if not 0 < seconds <= 7 * 24 * 3600:
            raise Invalid("a timeout lies between 0 seconds and a week")
        self.seconds: Final = seconds
        self._end = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def left(self) -> float:
        """Seconds left; raises TimedOut when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimedOut(f"no answer within {self.seconds:g} seconds")
        return left

    def call(self) -> float:
        """What is left for one short call."""
        return min(CALL, self.left())


@dataclass
class Patience:
    """Whether to try an interrupted, repeatable call again, and after which pause."""

    deadline: Deadline
    _failing_since: float | None = field(default=None)

    def answered(self) -> None:
        self._failing_since = None

    def pause(self, error: Failed) -> float:
        """Seconds to wait before the next try; raises `error` itself when it is time to give up."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if not isinstance(error, Unreachable) or now - self._failing_since > RECONNECT:
            raise error
        return min(_PAUSE, self.deadline.left())
