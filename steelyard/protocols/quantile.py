"""Order statistics: the element at a quantile, a median, or the one at a secret position.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      50 for 10^4 rows at 2-of-3: a shuffle and 6 batches of opened comparisons; at secret positions a whole sort
            and 8 more (k = 2; 12 for k = 3).   Sends 7 comparisons per row (2 to 3 for 10^6 rows); at secret positions
            those of a sort, then 41 bytes per row, position and party at 2-of-3.
Reveals     how the shuffled rows compare, to all participants: a random order (steelyard.protocols.sort).
Follows     Hoare's Find (1961), on all positions at once.
Differs     a secret position is a thermometer code, [i <= position], times the steps of the sorted column.

The quantile q of N elements, counted from 0 in ascending order, is the one at ceil(q N) - 1, or at 0 for q = 0: the
first of which at least the fraction q of all are not greater.  So the median is the lower of the two in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.protocols.bit_to_field import bits_times
from steelyard.protocols.circle import Circle
from steelyard.protocols.select import negatives
from steelyard.protocols.sort import pick, sort
from steelyard.rounds import Protocol

MAX_DENOMINATOR: Final = 1 << 20


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
    (ascending,) = yield from sort(circle, pushed, bits=bits)
    # i <= ceil(q N) - 1 iff i < q N, for q = a / b iff b i < a N.
    many = _sum(valid)
    return (yield from _elements(circle, ascending, [(q.denominator, q.numerator * many) for q in at]))


def nth(circle: Circle, ascending: Vector, positions: Vector) -> Protocol[Vector]:
    """(count,): the elements of a column at shared positions, from 0; the first or the last for one outside.

    Positions are below 2^58 in size.
    """
    return (yield from _elements(circle, ascending, [(1, int(each) + 1) for each in positions]))


def _elements(circle: Circle, ascending: Vector, bounds: Sequence[tuple[int, int]]) -> Protocol[Vector]:
    """For every (b, share of x) the last element whose position i has b i < x; the first where there is none."""
    first = np.repeat(ascending[:1], len(bounds))
    if ascending.size < 2 or not bounds:
        return first
    # 1. Which positions after the first are reached?
    places = np.arange(1, ascending.size, dtype=np.uint64)
    gaps = [field.subtract(field.scale(b, places), np.full(places.size, x % P, dtype=np.uint64)) for b, x in bounds]
    reached = yield from negatives(circle, *gaps)
    # 2. Their steps add up to the way from the first element.
    steps = field.subtract(ascending[1:], ascending[:-1])
    (taken,) = yield from bits_times(circle, reached, [np.tile(steps, len(bounds))])
    ways = np.array([_sum(row) for row in taken.reshape(len(bounds), -1)], dtype=np.uint64)
    return field.add(first, ways)


def _sum(vector: Vector) -> int:
    return field.dot(vector, np.ones_like(vector))


def _check(q: Fraction) -> None:
    if not 0 <= q <= 1 or q.denominator > MAX_DENOMINATOR:
        raise Invalid(f"a quantile is a fraction from 0 to 1 whose denominator is at most {MAX_DENOMINATOR}")
