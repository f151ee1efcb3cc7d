"""Training: a strategy asks for sums, the nodes form them, until there is a model at every node.

Model       that of steelyard.protocols.secure_sum.
Rounds      those of resuming, and those of a secure sum for every ask.   Sends what these send.
Reveals     to all participants: every sum that the strategy asks for, with its noise where noise is wanted.
Follows     federated learning (McMahan et al. 2017) with agreement on what was opened.
Differs     what is kept for a restart is the sums, which everybody knows, not the state of a strategy: it is played
            again from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from steelyard.digest import digest
from steelyard.field import Vector, from_bytes, from_signed, to_bytes, to_signed
from steelyard.ids import PartyId
from steelyard.learning import encoding
from steelyard.learning.asking import Ask, Floats, Steps
from steelyard.learning.noise import Budget, Plan
from steelyard.protocols.resume import Checkpoints, Unkept, resume
from steelyard.protocols.secure_sum import SecureSums
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

T = TypeVar("T")

Progress = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Training:
    """One attempt at one training run at one node.  `noise` gives the same stream for the same name at every attempt.

    `contributes` says whether this node has rows; one without plays along and learns the model.
    """

    sums: SecureSums
    contributes: bool
    noise: Callable[[str], Randomness] = field(repr=False)
    budget: Budget | None = None
    checkpoints: Checkpoints | Unkept = field(default_factory=Unkept)
    progress: Progress | None = None
    verified: bool = True
    complete: int = -1  # bits of the dealers who are in every sum so far
    past: bytes = bytes(32)  # digest of all sums so far

    def run(self, steps: Steps[T]) -> Protocol[T]:
        """What the strategy returns; raises what it raises, and what a secure sum raises."""
        # 1. How far did all of us get before?
        kept = yield from resume(self.sums, self.checkpoints)
        number, ask = 0, next(steps)
        while True:
            # 2. Add up what the strategy asks for, unless that was done before.
            number += 1
            plan = self._plan(ask)
            if number > kept:
                yield from self._add(number, ask, plan)
            total = self._read(number, ask)
            sums = encoding.decode(to_signed(total), self._scale(ask, plan))
            self._report(number, number <= kept, ask, sums)
            # 3. What does it make of the sum?
            try:
                ask = steps.send(sums)
            except StopIteration as end:
                trained: T = end.value
                return trained

    def _plan(self, ask: Ask) -> Plan | None:
        """What is spent counts for a sum made before as well: it was released."""
        if not self.budget:
            return None
        plan = self.budget.plan(ask)
        self.budget.take(plan)
        return plan

    def _scale(self, ask: Ask, plan: Plan | None) -> float:
        return plan.scale if plan else encoding.scale(ask.bound, self._parties)

    @property
    def _parties(self) -> int:
        return len(self.sums.dealers)

    @property
    def dropped(self) -> tuple[PartyId, ...]:
        """Who is not in every sum."""
        return tuple(dealer for at, dealer in enumerate(self.sums.dealers) if not self.complete >> at & 1)

    def _read(self, number: int, ask: Ask) -> Vector:
        """A sum, behind who is in it."""
        found = from_bytes(self.checkpoints.read(number), ask.values.size + 1)
        self.complete &= int(found[0])
        self.past = digest("training", self.past, to_bytes(found))
        return found[1:]

    def _add(self, number: int, ask: Ask, plan: Plan | None) -> Protocol[None]:
        step = f"{number} {ask.name}"
        mine = self._mine(step, ask, plan) if self.contributes else None
        summed = yield from self.sums.add_up(step, mine, ask.values.size, self.past)
        self.verified &= summed.opened.verified
        who = np.array([self.sums.mask(summed.survivors)], dtype=summed.opened.value.dtype)
        self.checkpoints.keep(number, to_bytes(np.concatenate([who, summed.opened.value])))

    def _mine(self, step: str, ask: Ask, plan: Plan | None) -> Vector:
        if plan and self.budget:
            drawn = digest("noise", self.past, ask.values.tobytes())  # other values never get the same noise
            noise = self.noise(f"{step}/{drawn.hex()}")
            return from_signed(self.budget.encode(ask, plan, self._parties, noise))
        return from_signed(encoding.encode(ask, self._scale(ask, plan), self._parties))

    def _report(self, number: int, before: bool, ask: Ask, sums: Floats) -> None:
        if self.progress is None:
            return
        line: dict[str, Any] = {"number": number, "step": ask.name, "resumed": before, "values": int(sums.size)}
        line["parties"] = len(self.sums.present & set(self.sums.dealers))
        if self.budget:
            line["epsilon_left"] = max(self.budget.epsilon - self.budget.spent, 0.0)
        self.progress({**line, **(ask.report(sums) if ask.report else {})})
