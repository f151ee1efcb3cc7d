"""Comparison: the sign of shared numbers, as shares of a bit.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      6 or 7 for k = 2, 9 for k = 3, 11 for k = 5.   Sends 22 bytes per party and number at 2-of-3, 68 at 3-of-5.
Reveals     nothing.
Follows     Damgard, Fitzi, Kiltz, Nielsen, Toft 2006: the secret as a sum of numbers known to one party each, whose
            bits are dealt and added by a circuit; docs/decisions/0007-comparison.md works it out.
Differs     no preprocessing and no statistical masking, exact on the whole range: P = 2^61 - 1, so a carry out of the
            top comes in again at the bottom.  With k = 2 both addends are known to one party each, who deals whole
            digits (one-hot and thermometer codes): the leaves of the tree take one round however long a digit is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from steelyard import bitfield, field
from steelyard.bitfield import Bits, flipped
from steelyard.field import Vector
from steelyard.protocols.bits import conjunction, deal_bits
from steelyard.protocols.carry import carry
from steelyard.protocols.circle import Circle
from steelyard.protocols.digits import Digits, compare_digits
from steelyard.rounds import Protocol
from steelyard.sharing.shamir import lagrange

BITS: Final = 61
MANY: Final = 1 << 14  # comparisons, from which traffic counts for more than rounds


def negative(circle: Circle, a: Vector) -> Protocol[Bits]:
    """Shares (m, 1, words) of [a < 0] for shares of `a`, where numbers above P // 2 count as negative.

    A number a is negative if 2a mod P is odd.  2a mod P is the sum mod P of the adders' weighted shares.
    """
    # 1. My part of 2a, bit by bit.
    part = _part(circle, a)
    # 2. The lowest bit of the sum of all parts mod P.
    lowest = _lowest_of_two if circle.threshold == 2 else _lowest_of_many
    return (yield from lowest(circle, part, a.size))


def less(circle: Circle, a: Vector, b: Vector) -> Protocol[Bits]:
    """Shares of [a < b]; the difference must be below 2^60 in size."""
    return (yield from negative(circle, field.subtract(a, b)))


def less_equal(circle: Circle, a: Vector, b: Vector) -> Protocol[Bits]:
    """Shares of [a <= b]."""
    return flipped((yield from less(circle, b, a)))


def equal(circle: Circle, a: Vector, b: Vector) -> Protocol[Bits]:
    """Shares of [a = b]: neither is less."""
    difference = field.subtract(a, b)
    width = bitfield.words(difference.size)
    padded = np.zeros(bitfield.WORD * width, dtype=np.uint64)  # so that the second half begins at a word
    padded[: difference.size] = difference
    signs = yield from negative(circle, np.concatenate([padded, field.negate(padded)]))
    return flipped(signs[:, :, :width] ^ signs[:, :, width:])


def longest_message(comparisons: int, parties: int) -> int:
    """Bytes of the longest message of a batch of so many, at any threshold: codes of digits, or triples of addends."""
    rows = max(_digits(2 if comparisons >= MANY else 4).rows, BITS * max(2, (parties + 1) // 6))
    return 8 * bitfield.degree(parties) * rows * bitfield.words(comparisons)


def _part(circle: Circle, a: Vector) -> Bits | None:
    """(61, words): the bits of my weighted share of 2a, if I am one of the adders."""
    if circle.me not in circle.adders:
        return None
    weight = lagrange([circle.points[party] for party in circle.adders])[circle.adders.index(circle.me)]
    return bitfield.slice_bits(field.scale(2 * weight, a), BITS)


# ---- two adders: u + v does not wrap iff u < P - v, a comparison of two numbers known to one party each ------------


def _digits(width: int) -> Digits:
    return Digits((1, *[width] * ((BITS - 1) // width)))


def _lowest_of_two(circle: Circle, part: Bits | None, count: int) -> Protocol[Bits]:
    first, second = circle.adders
    digits = _digits(2 if count >= MANY else 4)
    # 1. The first adder deals which value every digit of u has, the second which values those of P - v = ~v reach.
    codes = None
    if part is not None:
        codes = digits.one_hot(part) if circle.me == first else digits.thermometer(~part)
    dealt = yield from deal_bits(circle, "digits", circle.adders, codes, (digits.rows, bitfield.words(count)))
    # 2. Digit by digit: is it less, is it equal?
    u, v = dealt[first], dealt[second]
    is_less, is_equal = yield from compare_digits(circle, digits, u, v)
    # 3. The highest digit that differs decides.  The sum's lowest bit is u_0 + v_0 + wrap.
    no_wrap = yield from carry(circle, is_less, is_equal)
    return flipped((u[:, 0] ^ v[:, 0] ^ no_wrap)[:, None])  # rows 0 are [u_0 = 0] and [v_0 = 0]


# ---- more adders: carry-save down to two addends, then the carry of their sum ---------------------------------------


def _lowest_of_many(circle: Circle, part: Bits | None, count: int) -> Protocol[Bits]:
    # 1. Every adder deals the bits of its part.
    dealt = yield from deal_bits(circle, "bits", circle.adders, part, (BITS, bitfield.words(count)))
    addends = list(dealt.values())
    # 2. Three addends become two: sum and carry.  What is carried out of the top comes in at the bottom.
    while len(addends) > 2:
        addends = yield from _carry_save(circle, addends)
    # 3. u + v wraps iff u + v + 1 carries out of the top: P and 0 never both stand for zero in u and v at once.
    u, v = addends
    generate, propagate = (yield from conjunction(circle, "generate", u, v)), u ^ v
    lowest = propagate[:, 0].copy()
    generate[:, 0] ^= lowest
    wrap = yield from carry(circle, generate, propagate)
    return (lowest ^ wrap)[:, None]


def _carry_save(circle: Circle, addends: Sequence[Bits]) -> Protocol[list[Bits]]:
    """All disjoint triples at once."""
    triples = [addends[i : i + 3] for i in range(0, len(addends) - 2, 3)]
    left = np.concatenate([a ^ c for a, _, c in triples], axis=1)
    right = np.concatenate([b ^ c for _, b, c in triples], axis=1)
    products = yield from conjunction(circle, "carry-save", left, right)
    result: list[Bits] = []
    for index, (a, b, c) in enumerate(triples):
        majority = products[:, BITS * index : BITS * (index + 1)] ^ c
        result += [a ^ b ^ c, np.roll(majority, 1, axis=1)]
    return [*result, *addends[3 * len(triples) :]]
