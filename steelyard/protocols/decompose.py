"""Decomposition: the bits of shared numbers below a public bound.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      4 to 7 for k = 2: 3 + ceil(log2(1 + width / 4)); for a sign 3 to 6; at most 9 for k = 3.
            Sends, at 2-of-3, 6 bits per party and bit of the number, 4 for a sign.
Reveals     nothing.
Follows     Damgard, Fitzi, Kiltz, Nielsen, Toft 2006, with steelyard.protocols.parts.
Differs     no preprocessing and no statistical masking: exact for every number below the bound.
"""

from __future__ import annotations

import numpy as np

from steelyard import field
from steelyard.bitfield import Bits, flipped
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.parts import BOUND, low_bits, one_bit
from steelyard.rounds import Protocol


def decompose(circle: Circle, a: Vector, width: int = BOUND) -> Protocol[Bits]:
    """Shares (m, width, words) of the lowest bits of 0 <= a < 2^60, the lowest first."""
    return (yield from low_bits(circle, a, width))


def decompose_signed(circle: Circle, a: Vector, width: int = BOUND) -> Protocol[Bits]:
    """Shares (m, width, words) of the bits of -2^(width-1) <= a < 2^(width-1) in two's complement, the sign last."""
    if not 0 < width <= BOUND:
        raise Invalid(f"a signed number has 1 to {BOUND} bits")
    offset = np.full(a.size, 1 << (width - 1), dtype=np.uint64)
    bits = yield from low_bits(circle, field.add(a, offset), width)
    bits[0, -1] = ~bits[0, -1]  # the offset flipped the sign
    return bits


def negative_below(circle: Circle, a: Vector, bits: int) -> Protocol[Bits]:
    """Shares (m, 1, words) of [a < 0] for -2^bits <= a < 2^bits and bits < 60: the fewer, the cheaper."""
    if not 0 <= bits < BOUND:
        raise Invalid(f"the size of a number that is compared so is below 2^{BOUND - 1}")
    offset = np.full(a.size, 1 << bits, dtype=np.uint64)
    return flipped((yield from one_bit(circle, field.add(a, offset), bits)))
