"""Training: a strategy asks for sums, the nodes form them, until there is a model at every node.

Model       that of steelyard.protocols.secure_sum.
Rounds      1 (2 when an earlier attempt got somewhere), and those of a secure sum for every ask.   Sends the number of
            sums kept, then a hash, then what the sums take.
Reveals     to all participants: every sum that the strategy asks for, with its noise where noise is wanted.
Follows     federated learning (McMahan et al. 2017) with agreement on what was opened.
Differs     what is kept for a restart is the sums, which everybody knows, not the state of a strategy: it is played
            again from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from typing import Protocol as Interface

from steelyard.digest import digest
from steelyard.errors import Conflict, Malformed
from steelyard.field import Vector, from_bytes, from_signed, to_bytes, to_signed
from steelyard.learning import encoding
from steelyard.learning.asking import Ask, Floats, Steps
from steelyard.learning.noise import Budget, Plan
from steelyard.protocols.disputes import usable
from steelyard.protocols.secure_sum import SecureSums, Votes
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol, broadcast

T = TypeVar("T")
MAX_SUMS: Final = 1 << 20

Progress = Callable[[dict[str, Any]], None]


class Checkpoints(Votes, Interface):
    """The sums of one computation, by number from 1: durable, and the same over all attempts."""

    def latest(self) -> int:
        """How many there are without a gap."""

    def read(self, number: int) -> bytes: ...

    def keep(self, number: int, opened: bytes) -> None:
        """Durably; in place of one of the same number."""


@dataclass(slots=True)
class Training:
    """One attempt at one training run at one node.  `noise` gives the same stream for the same step at every attempt.

    `contributes` says whether this node has rows; one without plays along and learns the model.
    """

    sums: SecureSums
    contributes: bool
    noise: Callable[[str], Randomness] = field(repr=False)
    budget: Budget | None = None
    checkpoints: Checkpoints | None = None
    progress: Progress | None = None
    verified: bool = True

    def run(self, steps: Steps[T]) -> Protocol[T]:
        """What the strategy returns; raises what it raises, and what a secure sum raises."""
        # 1. How far did all of us get before?
        kept = yield from self._resume()
        number, ask = 0, next(steps)
        while True:
            # 2. Add up what the strategy asks for, unless that was done before.
            number += 1
            plan = self._plan(ask)
            if number <= kept and self.checkpoints:
                total = from_bytes(self.checkpoints.read(number), ask.values.size)
            else:
                total = yield from self._added(number, ask, plan)
            sums = encoding.decode(to_signed(total), self._scale(ask, plan))
            self._report(number, number <= kept, ask, sums)
            # 3. What does it make of the sum?
            try:
                ask = steps.send(sums)
            except StopIteration as end:
                trained: T = end.value
                return trained

    def _resume(self) -> Protocol[int]:
        """The number of sums that all have kept; they must be the same ones."""
        attempt, mine = self.sums.attempt, self.checkpoints.latest() if self.checkpoints else 0
        enough = attempt.quorum - 1
        received = yield broadcast("resume", mine.to_bytes(4, "little"), self.sums.others, enough)
        numbers = usable(received, enough, _number)
        self.sums.present &= {attempt.me, *numbers}
        least = min([mine, *numbers.values()])
        if not least:
            return 0
        said = self._hash(least)
        received = yield broadcast("resumed", said, self.sums.others, enough)
        if any(bytes(each) != said for each in received.values()):
            raise Conflict("the nodes have kept different sums of this training: begin it again as a new request")
        return least

    def _hash(self, number: int) -> bytes:
        if not self.checkpoints:
            raise Conflict("this node has kept nothing")
        return digest("checkpoints", *(self.checkpoints.read(each) for each in range(1, number + 1)))

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

    def _added(self, number: int, ask: Ask, plan: Plan | None) -> Protocol[Vector]:
        step = f"{number} {ask.name}"
        mine = self._mine(step, ask, plan) if self.contributes else None
        summed = yield from self.sums.add_up(step, mine, ask.values.size)
        self.verified &= summed.opened.verified
        if self.checkpoints:
            self.checkpoints.keep(number, to_bytes(summed.opened.value))
        return summed.opened.value

    def _mine(self, step: str, ask: Ask, plan: Plan | None) -> Vector:
        if plan and self.budget:
            return from_signed(self.budget.encode(ask, plan, self._parties, self.noise(step)))
        return from_signed(encoding.encode(ask, self._scale(ask, plan), self._parties))

    def _report(self, number: int, before: bool, ask: Ask, sums: Floats) -> None:
        if self.progress is None:
            return
        line: dict[str, Any] = {"number": number, "step": ask.name, "resumed": before, "values": int(sums.size)}
        line["parties"] = len(self.sums.present & set(self.sums.dealers))
        if self.budget:
            line["epsilon_left"] = max(self.budget.epsilon - self.budget.spent, 0.0)
        self.progress({**line, **(ask.report(sums) if ask.report else {})})


def _number(party: str, message: bytes | bytearray) -> int:
    number = int.from_bytes(message, "little")
    if len(message) != 4 or number > MAX_SUMS:
        raise Malformed(f"{party} says how far it got in no number", culprits=(party,))
    return number
