"""Order statistics: the element at a quantile, a median, or the one at a secret position.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      50 for 10^4 rows at 2-of-3: a shuffle and 6 batches of opened comparisons; at secret positions a whole sort
            and 8 more (k = 2; 12 for k = 3), or 19 (28) for more than 4096 rows.   Sends 7 comparisons per row (2 to 3
            for 10^6 rows); at secret positions those of a sort, then 41 bytes per row, position and party at 2-of-3,
            for more than 4096 rows only for the square root of their number, and as often for a comparison of it.
Reveals     how the shuffled rows compare, to all participants: a random order (steelyard.protocols.sort).
Follows     Hoare's Find (1961), on all positions at once.
Differs     a secret position is a thermometer code, [i <= position], times the steps of the sorted column; of many rows
            the code of a block comes first, and the inner products of the blocks with it.

The quantile q of N elements, counted from 0 in ascending order, is the one at ceil(q N) - 1, or at 0 for q = 0: the
first of which at least the fraction q of all are not greater.  So the median is the lower of the two in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

import numpy as np

from steelyard import field
from steelyard.bitfield import Bits
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.protocols.bit_to_field import bits_times, to_field
from steelyard.protocols.circle import Circle
from steelyard.protocols.multiply import reshare
from steelyard.protocols.select import negatives
from steelyard.protocols.sort import pick, sort
from steelyard.rounds import Protocol

MAX_DENOMINATOR: Final = 1 << 20
FEW: Final = 4096  # rows that are compared with a secret position one by one
Bound = tuple[int, int]  # b and a share of x: a position is the last i for which b i < x


def position(q: Fraction, count: int) -> int:
    """Where the quantile q of `count` elements is; Invalid for no elements, or q outside 0..1."""
    if count < 1:
        raise Invalid("of no elements there is no quantile")
    _check(q)
    return max(0, -(-q.numerator * count // q.denominator) - 1)


def dummies_last(key: Vector, valid: Vector, bits: int) -> tuple[Vector, int]:
    """Keys, and how many bits they may have, among which those of rows that are not valid are greatest.

    `key` is below 2^bits in size, `valid` is a share of 0 or 1; valid keys stay as they are.
    """
    pushed = field.combine([1, -(1 << bits + 1)], [key, valid])
    return field.add(pushed, np.full(key.size, 1 << bits + 1, dtype=np.uint64)), bits + 2


def quantiles(
    circle: Circle, key: Vector, at: Sequence[Fraction], bits: int | None = None, count: int | None = None
) -> Protocol[Vector]:
    """(len(at),) shares of the quantiles of the first `count` (default: all) in ascending order of the keys."""
    count = key.size if count is None else count
    if not 0 < count <= key.size:
        raise Invalid("there are not so many elements")
    positions = np.array([position(q, count) for q in at], dtype=np.int64)
    (chosen,) = yield from pick(circle, positions, key, bits=bits)
    return chosen


def median(circle: Circle, key: Vector, bits: int | None = None) -> Protocol[Vector]:
    """(1,): the lower of the two in the middle."""
    return (yield from quantiles(circle, key, [Fraction(1, 2)], bits))


def valid_quantiles(circle: Circle, key: Vector, valid: Vector, at: Sequence[Fraction], bits: int) -> Protocol[Vector]:
    """(len(at),) shares of the quantiles of the valid rows, without opening how many there are.

    Where no row is valid, some number that means nothing.
    """
    for q in at:
        _check(q)
    pushed, bits = dummies_last(key, valid, bits)
    return (yield from least_quantiles(circle, pushed, np.array([_sum(valid)], dtype=np.uint64), at, bits))


def least_quantiles(
    circle: Circle, key: Vector, count: Vector, at: Sequence[Fraction], bits: int | None = None
) -> Protocol[Vector]:
    """(len(at),) shares of the quantiles of the `count` least keys, of which only a share, (1,), is known.

    Keys are below 2^bits in size, at most 2^59.  Where the count is zero, the least key.
    """
    for q in at:
        _check(q)
    (ascending,) = yield from sort(circle, key, bits=bits)
    # i <= ceil(q N) - 1 iff i < q N, for q = a / b iff b i < a N.
    return (yield from _elements(circle, ascending, [(q.denominator, q.numerator * int(count[0])) for q in at]))


def nth(circle: Circle, ascending: Vector, positions: Vector) -> Protocol[Vector]:
    """(count,): the elements of a column at shared positions, from 0; the first or the last for one outside.

    Positions are below 2^58 in size.
    """
    return (yield from _elements(circle, ascending, [(1, int(each) + 1) for each in positions]))


def _elements(circle: Circle, ascending: Vector, bounds: Sequence[Bound]) -> Protocol[Vector]:
    """For every bound the last element whose position i has b i < x; the first where there is none."""
    if ascending.size <= FEW or not bounds:
        return (yield from _picked(circle, np.tile(ascending, (len(bounds), 1)), bounds))
    # 1. Rows in blocks.  Which block is the position in?
    size = 1 << ascending.size.bit_length() // 2
    table = np.pad(ascending, (0, -ascending.size % size), mode="edge").reshape(-1, size)
    reached = yield from _reached(circle, np.arange(1, len(table), dtype=np.uint64) * np.uint64(size), bounds)
    code = yield from to_field(circle, reached, len(table) - 1)
    # 2. That block: the sum of all, each times whether it is the one.
    products = np.concatenate([field.combine(_one_hot(each), list(table)) for each in code])
    blocks = (yield from reshare(circle, "block", products)).reshape(len(bounds), size)
    # 3. Its element.
    starts = [size * _sum(each) for each in code]
    return (yield from _picked(circle, blocks, [(b, x - b * s) for (b, x), s in zip(bounds, starts, strict=True)]))


def _picked(circle: Circle, rows: Vector, bounds: Sequence[Bound]) -> Protocol[Vector]:
    """The same in a row of its own, of (len(bounds), elements), for every bound."""
    first = rows[:, 0].copy()
    if rows.shape[1] < 2 or not bounds:
        return first
    # 1. Which positions after the first are reached?
    reached = yield from _reached(circle, np.arange(1, rows.shape[1], dtype=np.uint64), bounds)
    # 2. Their steps add up to the way from the first element.
    steps = field.subtract(rows[:, 1:].reshape(-1), rows[:, :-1].reshape(-1))
    (taken,) = yield from bits_times(circle, reached, [steps])
    ways = np.array([_sum(row) for row in taken.reshape(len(bounds), -1)], dtype=np.uint64)
    return field.add(first, ways)


def _reached(circle: Circle, places: Vector, bounds: Sequence[Bound]) -> Protocol[Bits]:
    """Shares (m, len(bounds), words) of [b i < x] for every place i."""
    gaps = [field.subtract(field.scale(b, places), np.full(places.size, x % P, dtype=np.uint64)) for b, x in bounds]
    return (yield from negatives(circle, *gaps))


def _one_hot(code: Vector) -> list[int]:
    """Shares of which place is the last reached, the one before all included, from those of whether each is."""
    reached = [1, *code.tolist(), 0]
    return [here - after for here, after in pairwise(reached)]


def _sum(vector: Vector) -> int:
    return field.dot(vector, np.ones_like(vector))


def _check(q: Fraction) -> None:
    if not 0 <= q <= 1 or q.denominator > MAX_DENOMINATOR:
        raise Invalid(f"a quantile is a fraction from 0 to 1 whose denominator is at most {MAX_DENOMINATOR}")
