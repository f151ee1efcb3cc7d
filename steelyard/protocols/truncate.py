"""Truncation: exact division by a power of two, or by any public number, rounded down; and rescaling of fixed point.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      5 to 8 for k = 2 (d <= 12, <= 28, more; for long vectors 6 to 9), 10 to 12 for k = 3; by any other number
            up to 12 and 21.   Sends, at 2-of-3, 20 bytes per party and number and 0.4 for every bit that is dropped; to
            save a round up to 64 kB more.
Reveals     nothing.
Follows     Catrina, de Hoogh 2010: division of the parts, and the wraps and carries set right.
Differs     exact, where they and others (Mohassel, Zhang 2017) err with a probability that grows with the number.

Numbers are signed and below 2^59 in size.  y = x + 2^59 is the sum of the adders' parts w_j less T P, and P = 2^61 - 1:

    floor(y / 2^d) = sum of floor(w_j / 2^d) - 2^(61-d) T + q,   q = floor((sum of (w_j mod 2^d) + T) / 2^d);

adders know the first terms, steelyard.protocols.parts finds T and q.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.protocols.bit_to_field import weighted_sums
from steelyard.protocols.circle import Circle
from steelyard.protocols.multiply import part_of
from steelyard.protocols.parts import BITS, wraps, wraps_and_carries
from steelyard.protocols.select import negatives
from steelyard.rounds import Protocol

SIZE: Final = 59  # bits of a number's size
OFFSET: Final = 1 << SIZE


def truncate(circle: Circle, x: Vector, d: int) -> Protocol[Vector]:
    """floor(x / 2^d), for 0 <= d <= 59."""
    _check_bits(d)
    if d == 0:
        return x
    # 1. T and q: the wraps of the parts' sum, and what its low bits carry.
    y = _shifted(x, OFFSET)
    bits = yield from wraps_and_carries(circle, y, d)
    # 2. Adders put in their parts, divided.
    known = part_of(circle, y) >> np.uint64(d) if circle.me in circle.adders else None
    each = circle.threshold - 1
    weights = [-(1 << (BITS - d))] * each + [1] * each
    (quotient,) = yield from weighted_sums(circle, bits, x.size, [weights], known)
    return _shifted(quotient, -(OFFSET >> d))


def rescale(circle: Circle, x: Vector, d: int) -> Protocol[Vector]:
    """x / 2^d to the nearest integer, halves up, for x + 2^(d-1) below 2^59 in size: drops d bits of a fraction."""
    _check_bits(d)
    return (yield from truncate(circle, _shifted(x, 1 << d >> 1), d))


def divide_by_public(circle: Circle, x: Vector, divisor: int) -> Protocol[Vector]:
    """floor(x / divisor), for 0 < divisor < 2^58 / k.

    With c for the divisor and y = x + 2^59 as above, let the first part be larger by -2^59 mod c.  Then

        floor(x / c) = sum of floor(w_j / c) - floor(P / c) T + floor(r / c) - ceil(2^59 / c),
        r = sum of (w_j mod c) - (P mod c) T,    which lies from -(k-1)(c-1) to k(c-1).
    """
    k = circle.threshold
    if not 0 < 2 * k * divisor < OFFSET:
        raise Invalid("numbers are divided by a positive one below 2^58 / k")
    # 1. T, times quotient and remainder of P; adders put in quotients and remainders of their parts.
    y = _shifted(x, OFFSET)
    bits = yield from wraps(circle, y)
    weights = [[-each] * (k - 1) for each in divmod(P, divisor)]
    quotient, remainder = yield from weighted_sums(circle, bits, x.size, weights, _divided(circle, y, divisor))
    # 2. floor(r / c) is k-1 less the number of multiples of c, from -(k-2) c to (k-1) c, that r does not reach.
    gaps = [_shifted(remainder, -each * divisor) for each in range(2 - k, k)]
    missed = yield from negatives(circle, *gaps, bits=(2 * k * divisor).bit_length())
    (below,) = yield from weighted_sums(circle, missed, x.size, [[-1] * (2 * k - 2)])
    return _shifted(field.add(quotient, below), k - 1 + -OFFSET // divisor)


def _divided(circle: Circle, y: Vector, divisor: int) -> Vector | None:
    """An adder's quotients, then its remainders."""
    if circle.me not in circle.adders:
        return None
    part = part_of(circle, y)
    if circle.me == circle.adders[0]:
        part += np.uint64(-OFFSET % divisor)  # not mod P
    return np.concatenate(np.divmod(part, np.uint64(divisor)))


def _check_bits(d: int) -> None:
    if not 0 <= d <= SIZE:
        raise Invalid(f"from 0 to {SIZE} bits can be dropped")


def _shifted(x: Vector, by: int) -> Vector:
    return field.add(x, np.full(x.size, by % P, dtype=np.uint64))
