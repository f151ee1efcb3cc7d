"""Bits to numbers: shared bits become shares of 0 and 1 over GF(P), of weighted sums of them, or of numbers times them.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      1 + ceil(log2 k): 2 for k = 2, 3 for k = 3, 4 for k = 5.   Sends, at 2-of-3, 5/3 elements per party and bit;
            7/3 per product of a bit and a number.
Reveals     nothing.
Follows     Damgard, Fitzi, Kiltz, Nielsen, Toft 2006: a bit as an XOR of bits known to one party each.
Differs     what is dealt are signs, (-1)^bit, for XOR is then a product.  A number times a bit takes no round more: its
            parts are dealt with the signs of their dealers, as dual numbers s + e x (e^2 = 0), and multiplied as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from steelyard import bitfield, field
from steelyard.bitfield import WORD, Bits
from steelyard.errors import Invalid
from steelyard.field import P, Vector, total
from steelyard.protocols.circle import Circle
from steelyard.protocols.multiply import add_dealt, deal_values, local_product, part_of, reshare
from steelyard.rounds import Protocol

HALF: Final = (P + 1) // 2
Dual = list[Vector]  # a sign, then the numbers that have been multiplied by it


def to_field(circle: Circle, bits: Bits, count: int) -> Protocol[Vector]:
    """(rows, count) shares over GF(P) of the first `count` instances of `bits`, shares (m, rows, words)."""
    rows = bits.shape[1]
    (signs,) = yield from _turned(circle, bits, count, [])
    shares = _from_sign((yield from reshare(circle, "bits to field", signs)))
    return shares.reshape(rows, count)


def weighted_sums(
    circle: Circle, bits: Bits, count: int, weights: Sequence[Sequence[int]], known: Vector | None = None
) -> Protocol[Vector]:
    """(outputs, count): the sums over the rows of `bits` of weights[output][row] * bit.

    `known`, (outputs * count,) and only at adders, is what each of them adds: they may put in what they alone know.
    """
    (signs,) = yield from _turned(circle, bits, count, [])
    rows = list(signs.reshape(-1, count))
    if any(len(each) != len(rows) for each in weights):
        raise Invalid("a sum of bits needs one weight for every row")
    # A bit is half of (1 - its sign).
    halves = np.concatenate([field.combine([-HALF * weight for weight in each], rows) for each in weights])
    mine = local_product(circle, halves, circle.first)  # the adders among them
    if mine is not None and known is not None:
        mine = field.add(mine, known)
    shares = yield from add_dealt(circle, "sums of bits", mine, halves.size, circle.first)
    constant = np.array([HALF * sum(each) % P for each in weights], dtype=np.uint64)
    return field.add(shares, np.repeat(constant, count)).reshape(len(weights), count)


def bits_times(circle: Circle, bits: Bits, columns: Sequence[Vector]) -> Protocol[list[Vector]]:
    """For each column, shares of bit[i] * column[i]; columns are (rows * count,), as `to_field` flattened."""
    count, rest = divmod(columns[0].size, bits.shape[1])
    if rest:
        raise Invalid("a column has as many numbers for every row of bits")
    _, *turned = yield from _turned(circle, bits, count, columns)
    shares = yield from reshare(circle, "bits times", np.concatenate(turned))
    # The product is half of (the number - the number with the sign).
    size = columns[0].size
    return [
        field.combine([HALF, -HALF], [column, shares[size * i : size * (i + 1)]]) for i, column in enumerate(columns)
    ]


def bits_times_added(circle: Circle, bits: Bits, column: Vector) -> Protocol[Vector]:
    """(count,): the sum over the rows of `bits` of bit[i] * column[i], which costs one product where they are many."""
    count, rest = divmod(column.size, bits.shape[1])
    if rest:
        raise Invalid("a column has as many numbers for every row of bits")
    _, turned = yield from _turned(circle, bits, count, [column])
    shares = yield from reshare(circle, "bits times", total(list(turned.reshape(-1, count))))
    return field.combine([HALF, -HALF], [total(list(column.reshape(-1, count))), shares])


def _turned(circle: Circle, bits: Bits, count: int, columns: Sequence[Vector]) -> Protocol[Dual]:
    """Shares, of degree up to 2k-2, of the signs of the bits, and of every column times them."""
    if bits.shape[2] != bitfield.words(count):
        raise Invalid("these bits are of another number of instances")
    # 1. Every adder deals its signs, and its parts of the columns times them.
    mine = None
    if circle.me in circle.adders:
        signs = _my_signs(circle, bits, count)
        parts = [field.multiply(signs, part_of(circle, column)) for column in columns]
        mine = np.concatenate([signs, *parts])
    size = bits.shape[1] * count
    dealt = yield from deal_values(circle, "signs", circle.adders, mine, size * (1 + len(columns)))
    factors = [_columns(each, size) for each in dealt.values()]
    # 2. Their product, by a tree whose last level is left to the caller to reduce.
    while len(factors) > 2:
        factors = yield from _pairwise(circle, factors)
    return _times(*factors)


def _my_signs(circle: Circle, bits: Bits, count: int) -> Vector:
    """(rows * count,), 1 or -1: the lowest coefficient of my weighted share; those of all adders add up to the bit."""
    m, rows, words = bits.shape
    weights = bitfield.lagrange([circle.position(party) for party in circle.adders], m)
    lowest = bitfield.scaling(weights[circle.adders.index(circle.me)], m)[:1]
    mine = bitfield.map_rows(lowest, bits.reshape(m, rows * words))
    ones = bitfield.join_bits(mine, WORD * rows * words).reshape(rows, WORD * words)[:, :count]
    signs: Vector = ones.reshape(-1) * np.uint64(P - 2) + np.uint64(1)
    return signs


def _from_sign(signs: Vector) -> Vector:
    return field.combine([-HALF, HALF], [signs, np.ones_like(signs)])


def _times(a: Dual, b: Dual) -> Dual:
    """(s + e x)(t + e y) = s t + e (s y + t x)"""
    numbers = [field.add(field.multiply(a[0], y), field.multiply(b[0], x)) for x, y in zip(a[1:], b[1:], strict=True)]
    return [field.multiply(a[0], b[0]), *numbers]


def _pairwise(circle: Circle, factors: list[Dual]) -> Protocol[list[Dual]]:
    """Half as many factors with the same product."""
    pairs = list(zip(factors[::2], factors[1::2], strict=False))
    products = np.concatenate([column for pair in pairs for column in _times(*pair)])
    reduced = _columns((yield from reshare(circle, "signs", products)), factors[0][0].size)
    width = len(factors[0])
    return [*(reduced[i : i + width] for i in range(0, len(reduced), width)), *factors[2 * len(pairs) :]]


def _columns(vector: Vector, size: int) -> list[Vector]:
    return [vector[start : start + size] for start in range(0, vector.size, size)]
