"""Forget: all holders erase a stored sharing, for good."""

from __future__ import annotations

from collections.abc import Sequence

from steelyard.functions.question import Leak
from steelyard.functions.refresh import about
from steelyard.functions.shelves import Shelves
from steelyard.functions.upkeep import Known, Upkeep, Whole
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.rounds import Protocol


class Forget(Upkeep[Whole]):
    """Each erases its own; what is left with fewer than k who did not take part opens nothing."""

    @property
    def figure_names(self) -> tuple[str, ...]:
        return ("erased",)

    def step(self, attempt: Attempt, greeting: Greeting, known: Known, shelves: Shelves) -> Protocol[tuple[int, ...]]:
        yield from ()
        shelves.forget(known.stored)
        return (len(attempt.participants),)

    def released(self) -> str:
        return f"that @{self.wanted.stored} is erased"

    def leaks(self) -> Sequence[Leak]:
        return (about(self.wanted.stored),)
