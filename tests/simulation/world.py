"""`World`: one virtual clock, one queue of what happens next, and a network that loses, repeats, delays and parts."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from simulation.dice import Dice


class Crash(BaseException):
    """A program is killed here; nothing in it may catch this."""


@dataclass
class Weather:
    """Per mille."""

    loss: int = 0
    repeat: int = 0
    crash: int = 0  # at each crash point of a node
    slow: int = 0  # messages that take very long


@dataclass
class World:
    dice: Dice
    weather: Weather
    now: int = 0  # milliseconds
    is_calm: bool = False
    apart: frozenset[str] = frozenset()  # those on one side of a partition
    events: int = 0
    _queue: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)

    def after(self, delay: int, action: Callable[[], None]) -> None:
        self.events += 1
        heapq.heappush(self._queue, (self.now + delay, self.events, action))

    def send(self, sender: str, receiver: str, action: Callable[[], None]) -> None:
        """`action` is what the receiver does when it gets the message."""
        if (sender in self.apart) != (receiver in self.apart):
            return
        for _ in range(2 if self.dice.chance(self.weather.repeat) else 1):
            if not self.dice.chance(self.weather.loss):
                slow = self.dice.chance(self.weather.slow)
                self.after(1 + self.dice.below(3000 if slow else 20), action)

    def run(self, until: int, stop: Callable[[], bool] = lambda: False) -> None:
        """What happens until then, or until `stop`, which is asked after each thing that happens."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, action = heapq.heappop(self._queue)
            action()
            if stop():
                return
        self.now = max(self.now, until)

    def calm(self) -> None:
        """From now on nothing fails."""
        self.weather, self.apart, self.is_calm = Weather(), frozenset(), True
