"""Skellam noise in whole numbers: the difference of two Poisson variables, sampled by inversion of an exact table.

Sums of independent Skellam variables are Skellam variables, and variances add up: parties that each add a part make a
total that none of them knows (N. Agarwal, P. Kairouz, Z. Liu, NeurIPS 2021).

P(X = k) = exp(-v) I_k(v) for variance v.  The ratios of Bessel functions come from Miller's backward recurrence in
integers of 192 bits, begun so far out that what it begins with is forgotten.

Precision    the table has one 64-bit entry per outcome within 10 standard deviations and 40.  The distance of a sample
             from the true distribution is at most (entries + 1) * 2^-64, below 2^-46 for the widest table, tails (below
             2^-70) included.  A value depends on one 64-bit word of a keyed stream; no floating point takes part.
             Searching the table is not constant in time: noise is drawn before a round begins.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.randomness import Randomness

MAX_VARIANCE: Final = 1 << 26  # of one draw; wider noise is a sum of draws
MAX_DRAWS: Final = 1 << 12
_BITS: Final = 192
_MOST: Final = (1 << 64) - 1
_BLOCK: Final = 1 << 16

Integers = NDArray[np.int64]


def skellam(variance: int, count: int, randomness: Randomness) -> Integers:
    """`count` independent samples of at least this variance; it is exact when a whole number of draws makes it up.

    Raises Invalid for a variance that is not positive or so large that it takes more than 4096 draws.
    """
    if variance < 1 or count < 0 or variance > MAX_DRAWS * MAX_VARIANCE:
        raise Invalid("noise of a variance from 1 to 2^38, for no negative number of values")
    draws = -(-variance // MAX_VARIANCE)
    table, lowest = _table(-(-variance // draws))
    out = np.empty(count, dtype=np.int64)
    for start in range(0, count, _BLOCK):
        block = out[start : start + _BLOCK]
        block[:] = 0
        for _ in range(draws):
            words = np.frombuffer(randomness.bytes(8 * block.size), dtype="<u8")
            block += np.searchsorted(table, words, side="right")
        block += draws * lowest
    return out


def variance_drawn(variance: int) -> int:
    """What `skellam` really draws: the same or a little more."""
    draws = -(-variance // MAX_VARIANCE)
    return draws * -(-variance // draws)


@lru_cache(maxsize=8)
def _table(variance: int) -> tuple[NDArray[np.uint64], int]:
    """Entry j is floor(2^64 P(X <= lowest + j)) for all outcomes but the last; and the lowest outcome."""
    deviation = isqrt(variance) + 1
    reach, far = 10 * deviation + 40, 14 * deviation + 100
    weights = _weights(variance, far)
    whole = weights[0] + 2 * sum(weights[1:])
    running, table = sum(weights[reach + 1 :]), []  # the tail below counts as the lowest outcome
    for k in range(-reach, reach):
        running += weights[abs(k)]
        table.append(min((running << 64) // whole, _MOST))
    return np.array(table, dtype=np.uint64), -reach


def _weights(variance: int, far: int) -> list[int]:
    """I_k / I_0 for k from 0 to far, with 192 bits behind the point."""
    one, ratio, ratios = 1 << _BITS, 0, [0] * (far + 1)
    for k in range(far, 0, -1):  # I_k / I_(k-1) = 1 / (2k/v + I_(k+1)/I_k)
        ratio = (one << _BITS) // ((2 * k << _BITS) // variance + ratio)
        ratios[k] = ratio
    weights = [one]
    for k in range(1, far + 1):
        weights.append(weights[-1] * ratios[k] >> _BITS)
    return weights
