"""Digits: of two numbers known to one party each, digit by digit, which is less and whether they are equal.

Model       semi-honest, as steelyard.protocols.bits.
Rounds      1 to deal the codes of the digits, 1 to compare them.   Sends 2(2^w - 1) dealt bits per digit of w bits, and
            2 ANDs, or 1 if w = 1.
Reveals     nothing.
Follows     Nishide, Ohta 2007: comparison by blocks; one-hot and thermometer codes.
Differs     as its dealer knows a number, it deals codes: however long a digit is, comparing it is one inner product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np

from steelyard import bitfield
from steelyard.bitfield import Bits, Matrix
from steelyard.protocols.bits import Terms, add_dealt, multiplication_form
from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol


@dataclass(frozen=True, slots=True)
class Digits:
    """How many bits each digit has, the lowest first.  The codes of the digits follow each other, 2^w - 1 rows each.

    The one-hot code has rows [digit = t] for t from 0 but the last, the thermometer code [digit >= t] for t from 1.
    """

    widths: tuple[int, ...]

    @property
    def firsts(self) -> tuple[int, ...]:
        """The row where the code of each digit begins, and where the last ends."""
        return _firsts(self.widths)

    @property
    def rows(self) -> int:
        return self.firsts[-1]

    def one_hot(self, bits: Bits) -> Bits:
        """(rows, words) from (bits, words) in the clear."""
        return np.concatenate([bitfield.one_hot(digit) for digit in self._of(bits)])

    def thermometer(self, bits: Bits) -> Bits:
        """(rows, words) from (bits, words) in the clear."""
        return np.concatenate([bitfield.thermometer(digit) for digit in self._of(bits)])

    def _of(self, bits: Bits) -> list[Bits]:
        ends = accumulate(self.widths)
        return [bits[end - width : end] for width, end in zip(self.widths, ends, strict=True)]


def compare_digits(circle: Circle, digits: Digits, u: Bits, v: Bits) -> Protocol[tuple[Bits, Bits]]:
    """Shares (m, digits, words) of [u < v] and [u = v] for each digit, from the one-hot code of u, thermometer of v.

    [u < v] = sum over t of [u = t][v >= t+1], and [u <= v] = sum over t of [u = t][v >= t]; their sum is [u = v].
    In the second sum [v >= 0] is 1, and of the last term [u = last] = 1 + the sum of the other [u = t].
    """
    count, wide = len(digits.widths), [index for index, width in enumerate(digits.widths) if width > 1]
    outputs, starts = count + len(wide), list(digits.firsts[:-1])
    products, form = None, multiplication_form(circle)
    if form is not None:
        products = np.zeros((outputs, u.shape[2]), dtype=np.uint64)
        bitfield.add_products(form, u, v, _code_terms(digits), products)
        if wide:
            others = np.stack([bitfield.map_rows(_wide_codes(digits), plane) for plane in u])
            bitfield.add_products(form, others, v, _last_terms(digits), products)
        products[count:] ^= products[wide]
    dealt = yield from add_dealt(circle, "digits compared", products, (outputs, u.shape[2]))
    is_equal = u[:, starts] ^ v[:, [end - 1 for end in digits.firsts[1:]]]
    is_equal[:, wide] ^= dealt[:, count:]
    return dealt[:, :count], is_equal


def low_parts(digits: Digits, u: Bits, v: Bits) -> tuple[Digits, Bits, Bits]:
    """The lowest 1, 2 .. w-1 bits of every digit of w bits as digits, with their codes.  Local.

    Of numbers t that agree in their low bits the [u = t] add up; and [v's low part >= t] is the sum of [v >= t] and
    [v >= t with low bits zero], over the high parts.
    """
    widths: list[int] = []
    us, vs = [u[:, :0]], [v[:, :0]]
    for first, width in zip(digits.firsts, digits.widths, strict=False):
        codes = slice(first, first + (1 << width) - 1)
        for low in range(1, width):
            widths.append(low)
            by_high = np.insert(u[:, codes], (1 << width) - 1, 0, axis=1).reshape(u.shape[0], -1, 1 << low, u.shape[2])
            us.append(np.bitwise_xor.reduce(by_high, axis=1)[:, :-1])
            by_high = np.insert(v[:, codes], 0, 0, axis=1).reshape(v.shape[0], -1, 1 << low, v.shape[2])
            folded = np.bitwise_xor.reduce(by_high, axis=1)
            vs.append(folded[:, 1:] ^ folded[:, :1])
    return Digits(tuple(widths)), np.concatenate(us, axis=1), np.concatenate(vs, axis=1)


def differing_bits(digits: Digits, u: Bits, v: Bits) -> Bits:
    """(m, bits, words): u XOR v, bit by bit.  Local.

    Bit i of u is not set in the t that [u = t] of 0.. but the last lack it; that of v is the parity of [v >= t] for
    the multiples t of 2^i.
    """
    rows = []
    for first, width in zip(digits.firsts, digits.widths, strict=False):
        for bit in range(width):
            unset = [first + t for t in range((1 << width) - 1) if not t >> bit & 1]
            steps = [first + t - 1 for t in range(1 << bit, 1 << width, 1 << bit)]
            rows.append(np.bitwise_xor.reduce(np.concatenate([u[:, unset], v[:, steps]], axis=1), axis=1))
    return bitfield.flipped(np.stack(rows, axis=1))


@lru_cache(maxsize=256)
def _firsts(widths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(accumulate(((1 << width) - 1 for width in widths), initial=0))


@lru_cache(maxsize=64)
def _code_terms(digits: Digits) -> Terms:
    """(output, row of u, row of v): [u < v] of all digits, then [u <= v] of the wide ones, but for its last term."""
    terms, output = [], len(digits.widths)
    for index, (first, width) in enumerate(zip(digits.firsts, digits.widths, strict=False)):
        codes = range(first, first + (1 << width) - 1)
        terms += [(index, row, row) for row in codes]
        if width > 1:
            terms += [(output, row, row - 1) for row in codes[1:]]
            output += 1
    return np.array(terms, dtype=np.int64)


@lru_cache(maxsize=64)
def _wide_codes(digits: Digits) -> Matrix:
    """(wide digits, rows): adds up the code of each."""
    wide = [index for index, width in enumerate(digits.widths) if width > 1]
    matrix = np.zeros((len(wide), digits.rows), dtype=np.uint8)
    for place, index in enumerate(wide):
        matrix[place, digits.firsts[index] : digits.firsts[index + 1]] = 1
    return matrix


@lru_cache(maxsize=64)
def _last_terms(digits: Digits) -> Terms:
    """(output, wide digit, row of v): the last term of [u <= v] of the wide digits."""
    wide = [index for index, width in enumerate(digits.widths) if width > 1]
    terms = [(len(digits.widths) + place, place, digits.firsts[index + 1] - 1) for place, index in enumerate(wide)]
    return np.array(terms, dtype=np.int64)
