"""How far a training run is: what its protocol says of every sum, with the seconds and bytes that only a node knows.

Seconds are counted by stage: from one round's beginning to the next one's, waiting and computing together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from steelyard.functions.training_line import Line


@dataclass(slots=True)
class Stages:
    """`sent` are the bytes that left so far; `lines` hears of every sum, `steps` of every round."""

    sent: Callable[[], int]
    lines: Callable[[Line], None]
    steps: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)
    stage: str = "prepare"
    since: float = field(default_factory=time.monotonic)
    sent_before: int = 0

    def step(self, name: str) -> None:
        """A round begins."""
        self._enter(name)
        self.steps(name)

    def _enter(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[self.stage] = self.seconds.get(self.stage, 0.0) + now - self.since
        self.stage, self.since = name, now

    def line(self, found: Mapping[str, Any]) -> None:
        self._enter("train")
        seconds, self.seconds = self.seconds, {}
        sent, self.sent_before = self.sent() - self.sent_before, self.sent()
        told = {name: round(each, 4) for name, each in seconds.items()}
        self.lines(Line(**found, seconds=told, sent=sent))
