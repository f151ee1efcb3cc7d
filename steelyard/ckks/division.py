"""Division of encrypted numbers: the public constants of a circuit of products and differences alone.

Goldschmidt's iteration with the residual of a Chebyshev polynomial instead of a power: after K steps the relative
error on denominators in [low, 1] is 1 / T_{2^K}, the least that a polynomial of that degree can have.  With

    n, d      the owner's quotient times a secret random number from (low, 1], and that number, times the public
              `numerator` and `denominator`
    e         alpha_0 - d
    each step n <- n * (e + alpha_k);  e <- e^2 - beta_k

n ends as the quotient.  The recurrence T_2n = 2 T_n^2 - 1 makes every step one square less a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.randomness import Randomness

LOW = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """`residual` is the relative error of exact arithmetic, `growth` bounds |n| at every step, per unit of quotient."""

    steps: int
    numerator: float
    denominator: float
    alpha: tuple[float, ...]
    beta: tuple[float, ...]
    residual: float
    growth: float

    def divide(self, numerators: NDArray[np.float64], denominators: NDArray[np.float64]) -> NDArray[np.float64]:
        """The circuit on plain numbers, scaled as owners scale them: what the encrypted one approximates."""
        n, e = numerators, self.alpha[0] - denominators
        for k in range(self.steps):
            n = n * (e + self.alpha[k])
            e = e * e - self.beta[k]
        return n


@cache
def plan(steps: int, low: float = LOW) -> Plan:
    """For denominators in [low, 1]."""
    if not (1 <= steps <= 16 and 0 < low < 1):
        raise Invalid("a division has 1 to 16 steps and denominators from above 0 to 1")
    middle, half = (1 + low) / 2, (1 - low) / 2
    v = [2 * middle / half]  # twice the Chebyshev polynomials of 2^k at zero's place
    for _ in range(steps):
        v.append(v[-1] ** 2 - 2)
    gains = [v[k] ** 2 / v[k + 1] for k in range(steps)]
    alpha = [1.0] * (steps + 1)
    for k in reversed(range(steps)):
        alpha[k] = math.sqrt(alpha[k + 1] * gains[k])
    beta = tuple(2 * alpha[k + 1] / v[k + 1] for k in range(steps))
    numerator = math.prod(gain / a for gain, a in zip(gains, alpha, strict=False)) / middle
    made = Plan(steps, numerator, alpha[0] / middle, tuple(alpha[:-1]), beta, 2 / v[steps], 0.0)
    return Plan(steps, made.numerator, made.denominator, made.alpha, made.beta, made.residual, _growth(made, low))


def _growth(made: Plan, low: float) -> float:
    """The largest |n| / |quotient| on the way, over a fine grid, and a tenth more."""
    d = np.linspace(low, 1, 4097)
    n, e, largest = d * made.numerator, made.alpha[0] - d * made.denominator, 1.0
    for k in range(made.steps):
        largest = max(largest, float(np.abs(n).max()))
        n = n * (e + made.alpha[k])
        e = e * e - made.beta[k]
    return 1.1 * max(largest, float(np.abs(n).max()))


@dataclass(frozen=True, slots=True)
class Pair:
    """What an owner encrypts for a quotient."""

    numerators: NDArray[np.float64] = field(repr=False)
    denominators: NDArray[np.float64] = field(repr=False)


def normalised(made: Plan, quotients: NDArray[np.float64], stream: Randomness) -> Pair:
    """(..., rows) quotients over a secret random denominator from (1/2, 1] for each row.

    Nothing is left of what was divided but the quotient: who opened both ciphertexts would see no more than that.
    """
    words = np.frombuffer(stream.bytes(8 * quotients.shape[-1]), dtype="<u8")
    scale = 1 - np.ldexp((words >> np.uint64(11)).astype(np.float64), -54)
    return Pair(made.numerator * (quotients * scale), made.denominator * scale)
