"""The public rules of a set-off round: how many steps, how large, how the repair goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from steelyard.errors import Invalid
from steelyard.setoff.network import AMOUNT_BITS, Amounts, Topology

RECIPROCAL: Final = 22  # bits after the point of a firm's reciprocal degree, at most
FINE: Final = 5  # bits of the reciprocal of the largest degree: more only make truncation longer
PRICE_BITS: Final = 35  # prices are kept below 2^35 in size, where a step is at most 2^30: 32 steps
NARROW: Final = 30
CERTIFIED: Final = 8  # bits after the point of the prices that an upper bound is made of
MOST_PRICE: Final = 31  # times the step, of any price that an upper bound is made of
LEAST_STEP: Final = 4  # bits: a step times a worth in sixteenths is whole
MOST_STEP: Final = AMOUNT_BITS
STAGES: Final = (4, 2, 0)  # bits by which a step is larger than the last: large amounts find their way first
BLIND: Final = tuple(range(28, -1, -3))  # the same where nobody may know how large amounts are: few firms need no more


@dataclass(frozen=True, slots=True)
class Schedule:
    """`step_bits`, those of the last stage, None: from the bucket of the median amount, which is then opened."""

    steps: int = 400
    step_bits: int | None = None
    tightenings: int = 8
    phases: int = 200
    stages: tuple[int, ...] = STAGES

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 4000:
            raise Invalid("a round takes 1 to 4000 steps; 400 is usual")
        if self.step_bits is not None and not LEAST_STEP <= self.step_bits <= MOST_STEP:
            raise Invalid(f"a step is 2^{LEAST_STEP} to 2^{MOST_STEP} minor units")

    @property
    def blind(self) -> Schedule:
        """For debts of any size, so that nothing of them is opened: the last step is the least."""
        return replace(self, step_bits=LEAST_STEP, stages=BLIND)

    def larger(self, taken: int) -> int:
        """By how many bits the step after `taken` steps is larger than the last."""
        return self.stages[min(len(self.stages) * taken // self.steps, len(self.stages) - 1)]

    def together(self, taken: int) -> bool:
        """Whether firms' prices and flows move at the same time, and prices half as far: in all stages but the last."""
        return len(STAGES) * taken // self.steps < len(STAGES) - 1

    def sharper(self, taken: int) -> int:
        """By how many bits it is smaller than the one before: 0, but where a stage begins."""
        return self.larger(max(taken - 1, 0)) - self.larger(taken)


def reciprocal_bits(topology: Topology) -> int:
    """Bits after the point of a firm's reciprocal degree: enough for the largest that there may be."""
    return min(FINE + topology.degree.bit_length(), RECIPROCAL)


def step_bits(amounts: Amounts) -> int:
    """A quarter to a half of the median positive amount, as a power of two."""
    reached = [int((amounts >= 1 << bit).sum()) for bit in range(AMOUNT_BITS)]
    return max(sum(2 * count >= reached[0] > 0 for count in reached) - 2, LEAST_STEP)


def depths(phases: int, firms: int) -> Iterator[int]:
    """How far each phase of the repair looks: farther, where that was not enough."""
    for phase in range(phases):
        yield max(1, min(4 << phase // 8, firms - 1))
