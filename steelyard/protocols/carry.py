"""Carry: that of an addition, or the outcome of a comparison, from those of its digits, as a tree.

Model       semi-honest, as steelyard.protocols.bits.
Rounds      6 for 61 digits, ceil(log2 c) for c.   Sends 2(c-1) ANDs, less one on every level.
Reveals     nothing.
Follows     carry look-ahead (Weinberger, Smith 1958; as a tree Brent, Kung 1982).
Differs     the lowest digit of every level needs no "propagate", for nothing comes in below it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from steelyard.bitfield import Bits
from steelyard.protocols.bits import Terms, conjunction
from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol


def carry(circle: Circle, generate: Bits, propagate: Bits) -> Protocol[Bits]:
    """(m, words) from (m, c, words) each, the lowest digit first; what digit 0 propagates is not looked at.

    Two digits make one: G = g_high + p_high g_low, P = p_high p_low, where a digit never does both.
    """
    while (count := generate.shape[1]) > 1:
        half = count // 2
        below = np.concatenate([generate[:, 0 : 2 * half : 2], propagate[:, 2 : 2 * half : 2]], axis=1)
        products = yield from conjunction(circle, "carry", propagate, below, _pairs(half))
        odd = slice(1, 2 * half, 2)
        last = slice(2 * half, count)  # a digit without a neighbour waits for the next level
        generate = np.concatenate([generate[:, odd] ^ products[:, :half], generate[:, last]], axis=1)
        lowest = propagate[:, :1]
        propagate = np.concatenate([lowest, products[:, half:], propagate[:, last]], axis=1)
    return generate[:, 0]


@lru_cache(maxsize=64)
def _pairs(half: int) -> Terms:
    """(output, row of `propagate`, row of `below`): first the carries through, then what both propagate."""
    through = [(i, 2 * i + 1, i) for i in range(half)]
    both = [(half + i - 1, 2 * i + 1, half + i - 1) for i in range(1, half)]
    return np.array(through + both, dtype=np.int64)
