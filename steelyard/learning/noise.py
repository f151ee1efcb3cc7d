"""`Budget`: how much noise goes on the sums of one training run, and what has been spent.

Each of the contributors adds Skellam noise of variance v/t, where t of them at least are honest and in the sum: the
noise of the total is at least v, and nobody knows it.  The true cost of every release is composed before it is made; a
release that would exceed epsilon is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import BudgetExhausted, Invalid, PolicyRefused
from steelyard.fixedpoint import aggregate_bound
from steelyard.learning.asking import Ask, checked
from steelyard.privacy import renyi
from steelyard.privacy.renyi import Sensitivity
from steelyard.privacy.skellam import skellam, variance_drawn
from steelyard.randomness import Randomness

_DEVIATION: Final = 1 << 12  # of a party's part in whole numbers: rounding is small beside it, tables stay short
_FINENESS: Final = 32  # the scale is at least this often the square root of a vector's length, per unit of sensitivity
_REACH: Final = 64  # deviations that no noise reaches


@dataclass(frozen=True, slots=True)
class Plan:
    """How one ask is made private."""

    scale: float
    variance: int  # of a party's part
    cost: renyi.Curve = field(repr=False)


@dataclass(slots=True)
class Budget:
    """Of one run.  `sharers` is t; `releases` how many sums with noise there can be."""

    epsilon: float
    delta: float
    releases: int
    sharers: int
    multiplier: float = field(init=False)
    cost: renyi.Curve = field(init=False, repr=False)
    most: renyi.Curve = field(init=False, repr=False)  # what ledgers have entered for this run
    made: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.sharers < 1:
            raise PolicyRefused("too few honest parties for noise that nobody knows")
        self.multiplier = renyi.multiplier(self.epsilon, self.delta, self.releases)
        self.cost = renyi.nothing()
        self.most = renyi.planned(self.epsilon, self.delta, self.releases)

    @property
    def spent(self) -> float:
        return renyi.epsilon(self.cost, self.delta) if self.made else 0.0

    def plan(self, ask: Ask) -> Plan:
        """Raises PolicyRefused for an ask of unknown sensitivity."""
        if ask.sensitivity <= 0:
            raise PolicyRefused(f"{ask.name} would be released without noise: this way of training has no private form")
        size, norm = ask.values.size, ask.sensitivity
        wide = _DEVIATION * math.sqrt(self.sharers) / (self.multiplier * norm)
        scale = 2.0 ** math.ceil(math.log2(max(wide, _FINENESS * math.sqrt(size) / norm)))
        sensitivity = Sensitivity.of(norm, scale, size)
        part = math.ceil((self.multiplier * sensitivity.l2) ** 2 / self.sharers)
        drawn = variance_drawn(part)
        return Plan(scale, part, renyi.skellam_cost(sensitivity, drawn * self.sharers))

    def take(self, plan: Plan) -> None:
        """To be called before the release.  Raises BudgetExhausted when it would cost more than there is."""
        after = self.cost + plan.cost
        beyond = bool((after > self.most).any()) or renyi.epsilon(after, self.delta) > self.epsilon
        if self.made >= self.releases or beyond:
            raise BudgetExhausted("another sum of this training would cost more privacy than was asked for")
        self.cost, self.made = after, self.made + 1

    def encode(self, ask: Ask, plan: Plan, parties: int, noise: Randomness) -> NDArray[np.int64]:
        """My part with my noise.  Raises Invalid without head-room."""
        most = ask.bound * plan.scale + _REACH * math.sqrt(variance_drawn(plan.variance)) + 1
        if most >= aggregate_bound(parties):
            raise Invalid(f"{ask.name} would not fit with its noise for {parties} parties")
        rounded = np.rint(checked(ask) * plan.scale).astype(np.int64)
        return rounded + skellam(plan.variance, rounded.size, noise)
