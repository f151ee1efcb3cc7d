"""Counts what a protocol does at one party."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol, Round


class Rounds:
    """The rounds of the first party of a circle that plays `protocol`, which does not fork."""

    def __init__(self, protocol: Callable[..., Protocol[Any]]) -> None:
        self.steps: list[str] = []
        self._protocol = protocol

    def __call__(self, circle: Circle, *shared: Any) -> Protocol[Any]:
        protocol = self._protocol(circle, *shared)
        try:
            step = next(protocol)
            while True:
                assert isinstance(step, Round)
                if circle.me == circle.parties[0]:
                    self.steps.append(step.step)
                step = protocol.send((yield step))
        except StopIteration as end:
            return end.value

    def __len__(self) -> int:
        return len(self.steps)
