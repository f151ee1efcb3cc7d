"""Division of shared by shared numbers: the exact floor of a quotient in fixed point.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      69 for k = 2 (73 for long vectors), 104 for k = 3 and quotients of up to 24 bits; up to 17 and 25 more
            for every 24 bits further.
            Sends, at 2-of-3, 0.7 kB per party and quotient (0.75 for short vectors).
Reveals     nothing.
Follows     Goldschmidt 1964; normalisation of the divisor by its bits as in Catrina, Saxena 2010.
Differs     truncations are exact, so the error is bounded for certain; a last comparison leaves none.

Scaled by a power of two, the divisor is D, 2^(B-1) <= D < 2^B, and the dividend X, |X| < 2^Q D <= 2^(B+Q).  All that is
multiplied has at most 29 or 30 bits, so that nothing reaches 2^59, with p = 28 bits after the point:

* z = D / 2^B, 1/2 <= z <= 1.  y = 2.928 - 2z is 1/z but for a factor 1 - e, |e| < 0.072 < 2^-3.79, and
  1/z = y (1+e)(1+e^2)(1+e^4) / (1 - e^8), e^8 < 2^-30.  With six roundings, of half a unit of 2^-p each, that makes
  less than 4 units, as 1/z >= 1; and z is off by half a unit, of 2^(p-1) or more.  So the reciprocal errs by less than
  5 units for each of its own: by a factor of at most 1 + 2^-25.6.
* The highest 29 bits of X times it are X / D with an error below 1/2 + 2^(Q-25): below 1 for Q <= 24, where the sign
  of what remains of X tells floor(X / D); otherwise less than 2^(Q-24) D remains, and is divided in its turn.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.protocols.bit_to_field import to_field, weighted_sums
from steelyard.protocols.circle import Circle
from steelyard.protocols.decompose import decompose, negative_below
from steelyard.protocols.multiply import multiply
from steelyard.protocols.prefix import prefix_or
from steelyard.protocols.truncate import rescale
from steelyard.rounds import Protocol

POINT: Final = 28  # p
ONE: Final = 1 << POINT
ROOM: Final = 57  # bits of a scaled dividend
STEP: Final = 24  # bits of a quotient that one multiplication by the reciprocal gives
FIRST: Final = round((48**0.5 - 4) * ONE)  # 2.928: its line touches 1/z from both sides


def divide(
    circle: Circle, a: Vector, b: Vector, fraction: int, quotient_bits: int, divisor_bits: int
) -> Protocol[tuple[Vector, Vector]]:
    """floor(a * 2^fraction / b), and [b != 0]; where b is zero, the quotient is 0 too.

    For 0 <= b < 2^B and |a| * 2^fraction < 2^Q b (any a, if b = 0), where B are the `divisor_bits`, Q the
    `quotient_bits`, both at least 1, and B + Q <= 57.
    """
    if not 0 <= fraction <= ROOM:
        raise Invalid(f"from 0 to {ROOM} bits of a quotient are a fraction")
    if min(quotient_bits, divisor_bits) < 1 or quotient_bits + divisor_bits > ROOM:
        raise Invalid(f"the bits of a divisor and of a quotient are at least 1 each, and at most {ROOM} together")
    # 1. Scale both by the power of two that lets the divisor have all its bits.
    scale, defined = yield from normaliser(circle, b, divisor_bits)
    both = yield from multiply(circle, np.tile(scale, 2), np.concatenate([b, field.scale(1 << fraction, a)]))
    divisor, rest = _halves(both)
    half = 1 << (divisor_bits - 1)
    divisor = field.combine([1, -half, half], [divisor, defined, np.ones_like(defined)])  # nothing is divided by zero
    # 2. The reciprocal of the divisor, and the head of the dividend.
    dividend = field.scale(1 << (ROOM - divisor_bits - quotient_bits), rest)
    normal = field.scale(1 << (2 * POINT - divisor_bits), divisor)
    z, head = _halves((yield from rescale(circle, np.concatenate([normal, dividend]), POINT)))
    inverse = yield from _reciprocal(circle, z)
    # 3. Their product is the quotient, or its highest bits.
    quotient = np.zeros_like(rest)
    while True:
        digit = yield from rescale(circle, (yield from multiply(circle, head, inverse)), ROOM - quotient_bits)
        quotient = field.add(quotient, digit)
        rest = field.subtract(rest, (yield from multiply(circle, digit, divisor)))
        if quotient_bits <= STEP:
            break
        quotient_bits -= STEP
        dividend = field.scale(1 << (ROOM - divisor_bits - quotient_bits), rest)
        head = yield from rescale(circle, dividend, POINT)
    # 4. It is one too large where something negative remains.
    below = yield from negative_below(circle, rest, divisor_bits)
    return field.subtract(quotient, (yield from to_field(circle, below, rest.size))[0]), defined


def normaliser(circle: Circle, b: Vector, bits: int) -> Protocol[tuple[Vector, Vector]]:
    """2^(bits - 1 - place of the highest bit of b), which is 0 for b = 0; and [b != 0]."""
    # 1. [b >= 2^i], from the highest i to the lowest.
    planes = yield from decompose(circle, b, bits)
    reached = yield from prefix_or(circle, np.ascontiguousarray(planes[:, ::-1]))
    # 2. All places together weigh 2^(bits-1) less all smaller powers, the highest j of them 2^(j-1) less.
    weights = [-(1 << place) for place in range(bits - 1)] + [1 << (bits - 1)]
    scale, defined = yield from weighted_sums(circle, reached, b.size, [weights, [0] * (bits - 1) + [1]])
    return scale, defined


def _reciprocal(circle: Circle, z: Vector) -> Protocol[Vector]:
    """2^(2p) / z for 2^(p-1) <= z <= 2^p."""
    # 1. A line, and by how much it fails.
    y = field.combine([FIRST, -2], [np.ones_like(z), z])
    e = field.combine([ONE, -1], [np.ones_like(z), (yield from _product(circle, z, y))])
    # 2. Times 1 + e, 1 + e^2 and 1 + e^4.
    for _ in range(2):
        left, right = np.concatenate([y, e]), np.concatenate([_one_and(e), e])
        y, e = _halves((yield from _product(circle, left, right)))
    return (yield from _product(circle, y, _one_and(e)))


def _product(circle: Circle, a: Vector, b: Vector) -> Protocol[Vector]:
    """Rounded to p bits after the point."""
    return (yield from rescale(circle, (yield from multiply(circle, a, b)), POINT))


def _one_and(e: Vector) -> Vector:
    return field.add(e, np.full(e.size, ONE % P, dtype=np.uint64))


def _halves(vector: Vector) -> tuple[Vector, Vector]:
    return vector[: vector.size // 2], vector[vector.size // 2 :]
