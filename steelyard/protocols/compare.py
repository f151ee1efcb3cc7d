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
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from steelyard import bitfield, field
from steelyard.bitfield import Bits, flipped
from steelyard.field import Vector
from steelyard.protocols.bits import Terms, add_dealt, conjunction, deal_bits, multiplication_form
from steelyard.protocols.carry import carry
from steelyard.protocols.circle import Circle
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


def _part(circle: Circle, a: Vector) -> Bits | None:
    """(61, words): the bits of my weighted share of 2a, if I am one of the adders."""
    if circle.me not in circle.adders:
        return None
    weight = lagrange([circle.points[party] for party in circle.adders])[circle.adders.index(circle.me)]
    return bitfield.slice_bits(field.scale(2 * weight, a), BITS)


# ---- two adders: u + v does not wrap iff u < P - v, a comparison of two numbers known to one party each ------------


@dataclass(frozen=True, slots=True)
class _Digits:
    """A number as one lowest bit and `count` digits of `width` bits; a digit's code has `code` = 2^width - 1 rows."""

    width: int

    @property
    def count(self) -> int:
        return (BITS - 1) // self.width

    @property
    def code(self) -> int:
        return (1 << self.width) - 1

    @property
    def rows(self) -> int:
        return 1 + self.count * self.code

    def one_hot(self, bits: Bits) -> Bits:
        """(rows, words) from (61, words): [u_0 = 0], then for every digit [digit = t] for t = 0.. but the last."""
        return np.concatenate([~bits[:1], *(bitfield.one_hot(digit) for digit in self._of(bits))])

    def thermometer(self, bits: Bits) -> Bits:
        """(rows, words) from (61, words): the lowest bit, then for every digit [digit >= t] for t = 1.."""
        return np.concatenate([bits[:1], *(bitfield.thermometer(digit) for digit in self._of(bits))])

    def _of(self, bits: Bits) -> list[Bits]:
        return [bits[first : first + self.width] for first in range(1, BITS, self.width)]


def _lowest_of_two(circle: Circle, part: Bits | None, count: int) -> Protocol[Bits]:
    first, second = circle.adders
    digits = _Digits(2 if count >= MANY else 4)
    # 1. The first adder deals which value every digit of u has, the second which values those of P - v = ~v reach.
    codes = None
    if part is not None:
        codes = digits.one_hot(part) if circle.me == first else digits.thermometer(~part)
    dealt = yield from deal_bits(circle, "digits", circle.adders, codes, (digits.rows, bitfield.words(count)))
    # 2. Digit by digit: is it less, is it equal?
    u, v = dealt[first], dealt[second]
    is_less, is_equal = yield from _compare_digits(circle, digits, u, v)
    # 3. The highest digit that differs decides.  The sum's lowest bit is u_0 + v_0 + wrap.
    no_wrap = yield from carry(circle, is_less, is_equal)
    return flipped((u[:, 0] ^ v[:, 0] ^ no_wrap)[:, None])  # rows 0 are [u_0 = 0] and [v_0 = 0]


def _compare_digits(circle: Circle, digits: _Digits, u: Bits, v: Bits) -> Protocol[tuple[Bits, Bits]]:
    """Per digit [u < v] and [u = v], from the codes of u and v; the latter is not there for the lowest bit.

    [u < v] = sum over t of [u = t][v >= t+1], and [u <= v] = sum over t of [u = t][v >= t]; their sum is [u = v].
    In the second sum [v >= 0] is 1, and of the last term [u = last] = 1 + the sum of the other [u = t].
    """
    size = 1 + digits.count
    products, form = None, multiplication_form(circle)
    if form is not None:
        products = np.zeros((size + digits.count, u.shape[2]), dtype=np.uint64)
        bitfield.add_products(form, u, v, _code_terms(digits), products)
        others = np.bitwise_xor.reduce(_by_digit(digits, u), axis=2)
        bitfield.add_products(form, others, v, _last_terms(digits), products)
        products[size:] ^= products[1:size]
    dealt = yield from add_dealt(circle, "leaves", products, (size + digits.count, u.shape[2]))
    linear = _by_digit(digits, u)[:, :, 0] ^ _by_digit(digits, v)[:, :, -1]
    is_equal = np.concatenate([dealt[:, :1], dealt[:, size:] ^ linear], axis=1)
    return dealt[:, :size], is_equal


def _by_digit(digits: _Digits, share: Bits) -> Bits:
    """(m, count, code, words), without the lowest bit."""
    return share[:, 1:].reshape(share.shape[0], digits.count, digits.code, share.shape[2])


@lru_cache(maxsize=8)
def _code_terms(digits: _Digits) -> Terms:
    """(output, row of u, row of v): [u < v] of all digits, and [u <= v] but for its last term."""
    terms = [(0, 0, 0)]
    for digit in range(digits.count):
        first = 1 + digit * digits.code
        terms += [(1 + digit, first + t, first + t) for t in range(digits.code)]
        terms += [(1 + digits.count + digit, first + t, first + t - 1) for t in range(1, digits.code)]
    return np.array(terms, dtype=np.int64)


@lru_cache(maxsize=8)
def _last_terms(digits: _Digits) -> Terms:
    """(output, digit, row of v): the last term of [u <= v]."""
    terms = [(1 + digits.count + digit, digit, (1 + digit) * digits.code) for digit in range(digits.count)]
    return np.array(terms, dtype=np.int64)


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
