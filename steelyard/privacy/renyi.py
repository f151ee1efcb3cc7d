"""What noisy sums cost in epsilon and delta: Rényi differential privacy of Skellam noise, composed and converted.

For whole-number vectors that one record (or one party) changes by at most D1 and D2 in the 1- and 2-norm, and noise of
variance v at every place,

    RDP(a) <= a D2^2 / (2v) + min( ((2a-1) D2^2 + 6 D1) / (4v^2), 3 D1 / (2v) )    (Agarwal, Kairouz, Liu 2021, th. 3.1)

for whole orders a; between two of them (a-1) RDP(a) is convex and lies below the chord (T. van Erven, P. Harremoes,
IEEE Trans. Information Theory 60, 2014).  Costs of releases add up order by order; the conversion is dp-accounting's.
Adding or removing a record is what two neighbouring data sets differ in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid

ORDERS: Final = (*(1 + x / 10 for x in range(1, 100)), *range(11, 64), *(64 * 2**x for x in range(8)))
_ORDERS: Final = np.array(ORDERS, dtype=np.float64)

EXCESS: Final = 0.02

Curve = NDArray[np.float64]  # one cost per order


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Of an integer vector, to one record or one party."""

    l1: float
    l2: float

    @classmethod
    def of(cls, norm: float, scale: float, size: int) -> Sensitivity:
        """Of round(scale * x) where x, of `size` places, changes by at most `norm`: rounding adds one at every place.

        A vector of whole numbers has a 1-norm of at most the square of its 2-norm.
        """
        l2 = scale * norm + math.sqrt(size)
        return cls(min(math.sqrt(size) * l2, l2 * l2), l2)


def nothing() -> Curve:
    return np.zeros_like(_ORDERS)


def skellam_cost(sensitivity: Sensitivity, variance: float) -> Curve:
    """The cost of one release."""
    if variance <= 0:
        raise Invalid("a release without noise has no finite cost")
    d1, d2 = sensitivity.l1, sensitivity.l2**2

    def whole(orders: Curve) -> Curve:
        excess = np.minimum(((2 * orders - 1) * d2 + 6 * d1) / (4 * variance**2), 3 * d1 / (2 * variance))
        cost: Curve = orders * d2 / (2 * variance) + excess
        return cost

    return _between(whole)


def _between(whole: Callable[[Curve], Curve]) -> Curve:
    """The cost at all orders of what is known at whole ones."""
    low, high = np.floor(_ORDERS), np.ceil(_ORDERS)
    part = _ORDERS - low
    chord = (1 - part) * (low - 1) * whole(low) + part * (high - 1) * whole(high)
    cost: Curve = chord / (_ORDERS - 1)
    return cost


def pure(epsilon_spent: float) -> Curve:
    """The cost of a release that is epsilon-private without a delta, such as one with Laplace noise.

    Reference: M. Bun, T. Steinke, TCC 2016, proposition 3.3.
    """
    cost: Curve = np.minimum(_ORDERS * epsilon_spent**2 / 2, epsilon_spent)
    return cost


def planned(epsilon_wanted: float, delta: float, releases: int) -> Curve:
    """What `releases` releases with noise by `multiplier` cost at most together, known before the first of them."""
    cost: Curve = _gaussian(multiplier(epsilon_wanted, delta, releases), releases)
    return cost


def spent(curves: Iterable[Curve], pure_epsilons: Iterable[float], delta: float) -> float:
    """Epsilon at `delta` of all these releases together: those with a curve, and those private without a delta.

    The smaller of two bounds: everything as curves, or the pure ones simply added on top.
    """
    noisy, simple = list(curves), list(pure_epsilons)
    added = math.fsum(simple)
    if not noisy:
        return min(added, epsilon(sum(map(pure, simple), nothing()), delta)) if delta and added else added
    if not delta:
        return math.inf
    whole = sum(noisy, nothing())
    return min(epsilon(whole, delta) + added, epsilon(whole + sum(map(pure, simple), nothing()), delta))


def epsilon(cost: Curve, delta: float) -> float:
    """The smallest epsilon that the composed cost allows at this delta."""
    from dp_accounting.rdp import compute_epsilon  # a second to load, and only where there is noise

    if not 0 < delta < 1:
        raise Invalid("delta is a number between 0 and 1")
    found, _ = compute_epsilon(_ORDERS, cost, delta)
    return float(found)


def multiplier(epsilon_wanted: float, delta: float, releases: int, excess: float = EXCESS) -> float:
    """Noise per unit of sensitivity so that `releases` releases cost at most this epsilon.

    `excess` is by what part the cost of Skellam noise may lie above a Gaussian's of the same variance; who draws the
    noise composes the true cost and stops before the limit (`steelyard.learning.noise`).
    """
    from dp_accounting import get_sigma_gaussian

    if epsilon_wanted <= 0 or releases < 1:
        raise Invalid("epsilon is above 0, and something is released")
    least: float = get_sigma_gaussian(epsilon_wanted, delta) * math.sqrt(releases)  # no accountant can do with less
    low, high = least / 2, 4 * least
    for _ in range(40):
        middle = math.sqrt(low * high)
        cost = _gaussian(middle, releases, excess)
        low, high = (low, middle) if epsilon(cost, delta) <= epsilon_wanted else (middle, high)
    return high


def _gaussian(noise: float, releases: int, excess: float = EXCESS) -> Curve:
    return _between(lambda orders: releases * (1 + excess) * orders / (2 * noise**2))
