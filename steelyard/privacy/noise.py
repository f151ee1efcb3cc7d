"""Discrete Laplace noise as a sum of independent parts, so that no party knows the total.

A value of sensitivity s released with X, P(X = x) proportional to q^|x| and q = exp(-epsilon/s), is epsilon-private.
X is the difference of two geometric variables, and a geometric variable is the sum of m negative binomials NB(1/m, q)
(Polya variables): each of m honest contributors adds the difference of two of these.  Contributors beyond m add noise,
privacy does not suffer.

NB(1/m, q) is sampled as a sum of N logarithmic variables, N Poisson with mean -ln(1-q)/m; a logarithmic variable is
1 + floor(ln V / ln Y), Y = 1 - (1-q)^U, with U and V uniform.

Precision    U, V and the one for N have 53 random bits.  Floating point enters probabilities only, the results are
             integers: the probability of each outcome is right to about 2^-50, and the largest ones (beyond about 36
             scales s/epsilon per variable) are cut off.  That difference belongs to a delta of about 2^-50 per sample.
             Timing depends on the noise drawn: draw it before anybody can watch.
Reference    S. Goryczka, L. Xiong, IEEE TDSC 14 (2017) (distributed geometric noise); A. W. Kemp, Applied Statistics
             30 (1981), algorithm LK
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.randomness import Randomness

MAX_SCALE: Final = 1 << 40  # of sensitivity/epsilon: parts then stay below 2^53, any tail beyond 2^55 cannot occur
MAX_SHARERS: Final = 1024
_BLOCK: Final = 1 << 14  # samples drawn at a time

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def laplace_share(
    epsilon: Fraction | Decimal | int, sensitivity: int, sharers: int, count: int, randomness: Randomness
) -> Integers:
    """`count` parts of discrete Laplace noise; the sum of `sharers` independent parts is epsilon-private noise.

    The sensitivity is in the units of the values, such as cents.  Raises Invalid for parameters out of range, among
    them a scale sensitivity/epsilon above 2^40.
    """
    rate = _rate(epsilon, sensitivity)
    if not 1 <= sharers <= MAX_SHARERS or count < 0:
        raise Invalid(f"noise is shared by 1 to {MAX_SHARERS} contributors, for no negative number of values")
    out = np.empty(count, dtype=np.int64)
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        out[start : start + size] = _polya(rate, sharers, size, randomness) - _polya(rate, sharers, size, randomness)
    return out


def standard_deviation(epsilon: Fraction | Decimal | int, sensitivity: int, sharers: int, contributors: int) -> float:
    """Of the noise in a total to which `contributors` each added a part made for `sharers`."""
    q = math.exp(-_rate(epsilon, sensitivity))
    return math.sqrt(2 * q / (1 - q) ** 2 * contributors / sharers)


def _rate(epsilon: Fraction | Decimal | int, sensitivity: int) -> float:
    """epsilon/sensitivity, rounded once; from 700 on there is no noise to speak of (below e^-700)."""
    if isinstance(epsilon, float):
        raise Invalid("epsilon is an exact number: a Fraction, a Decimal or an integer")
    if isinstance(epsilon, Decimal) and (not epsilon.is_finite() or abs(epsilon.adjusted()) > 40):
        raise Invalid("epsilon is not a number of reasonable size")
    exact = Fraction(epsilon)
    if exact <= 0 or sensitivity < 1:
        raise Invalid("epsilon and the sensitivity are positive")
    if sensitivity > exact * MAX_SCALE:
        raise Invalid("the noise would be too wide: sensitivity/epsilon is above 2^40")
    return float(min(exact / sensitivity, Fraction(700)))


def _polya(rate: float, sharers: int, count: int, randomness: Randomness) -> Integers:
    """NB(1/sharers, exp(-rate))."""
    log_failure = _log_of_one_minus_exp(rate)  # ln(1-q), negative
    numbers = _poisson(-log_failure / sharers, count, randomness)
    ends = np.cumsum(numbers)
    parts = _logarithmic(log_failure, int(ends[-1]), randomness)
    # running totals may wrap in 64 bits; their differences, below 2^63, are exact all the same
    running: Integers = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(parts)))
    sums: Integers = running[ends] - running[ends - numbers]
    return sums


def _poisson(mean: float, count: int, randomness: Randomness) -> Integers:
    """By inversion: the mean is at most 28."""
    terms = np.arange(1, 160, dtype=np.float64)
    distribution = np.cumsum(math.exp(-mean) * np.concatenate((np.ones(1), np.cumprod(mean / terms))))
    last = int(np.searchsorted(distribution, distribution[-1]))  # the sum may round to just below one
    numbers = np.searchsorted(distribution, _uniform(count, randomness), side="left")
    return np.minimum(numbers, last).astype(np.int64)


def _logarithmic(log_failure: float, count: int, randomness: Randomness) -> Integers:
    """P(L = l) = -q^l / (l ln(1-q)): a geometric variable whose parameter is itself random."""
    exponent = log_failure * _uniform(count, randomness)  # Y = 1 - exp(exponent)
    near_one = exponent < -math.log(2)
    with np.errstate(divide="ignore"):  # in the branch that is not taken
        log_y = np.where(near_one, np.log1p(-np.exp(exponent)), np.log(-np.expm1(exponent)))
    parts: Integers = 1 + np.floor(np.log(_uniform(count, randomness)) / log_y).astype(np.int64)
    return parts


def _log_of_one_minus_exp(rate: float) -> float:
    """ln(1 - exp(-rate)) without cancellation."""
    return math.log(-math.expm1(-rate)) if rate < math.log(2) else math.log1p(-math.exp(-rate))


def _uniform(count: int, randomness: Randomness) -> Floats:
    """Multiples of 2^-53 from 2^-53 to 1."""
    words = np.frombuffer(randomness.bytes(8 * count), dtype="<u8")
    return ((words >> np.uint64(11)) + np.uint64(1)).astype(np.float64) * 2.0**-53
