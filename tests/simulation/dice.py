"""`Dice`: all chance of a schedule, from one number; SplitMix64, so that a seed means the same everywhere for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1


class Dice:
    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def number(self) -> int:
        """64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, bound: int) -> int:
        return self.number() % bound

    def chance(self, per_mille: int) -> bool:
        return per_mille > 0 and self.number() % 1000 < per_mille

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number() % len(options)]

    def some(self, options: Sequence[T]) -> list[T]:
        """Each with even odds."""
        bits = self.number()
        return [each for index, each in enumerate(options) if bits >> index & 1]

    def token(self) -> str:
        """16 bytes in hex, for ids."""
        return f"{self.number():016x}{self.number():016x}"
