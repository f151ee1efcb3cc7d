"""Selection: the one or the other of two numbers, the smaller, the largest and where it stands, all by shared bits.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      2 to select, 8 with a comparison (9 for long vectors) for k = 2; 3 and 12 for k = 3. The largest of c takes
            ceil(log2 c) times as many.   Sends, at 2-of-3, 19 bytes per party to select, 41 with a comparison.
Reveals     nothing.
Follows     b + bit (a - b), and tournaments.
Differs     bits are not turned into numbers first: see steelyard.protocols.bit_to_field.

Numbers are signed and below 2^59 in size, so that no difference reaches 2^60.
"""

from __future__ import annotations

import numpy as np

from steelyard import bitfield, field
from steelyard.bitfield import Bits
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.protocols.bit_to_field import bits_times, bits_times_added
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import less, negative
from steelyard.protocols.decompose import negative_below
from steelyard.protocols.parts import BOUND
from steelyard.rounds import Protocol


def negatives(circle: Circle, *vectors: Vector, bits: int = BOUND) -> Protocol[Bits]:
    """Shares (m, vectors, words) of [v < 0] for vectors of one length, all at once; they are below 2^bits in size."""
    if not vectors or len({vector.size for vector in vectors}) > 1:
        raise Invalid("vectors that are compared together are of one length")
    words = bitfield.words(vectors[0].size)
    padded = np.zeros((len(vectors), bitfield.WORD * words), dtype=np.uint64)  # each begins at a word
    padded[:, : vectors[0].size] = vectors
    flat = padded.reshape(-1)
    signs = yield from negative(circle, flat) if bits >= BOUND else negative_below(circle, flat, bits)
    return signs.reshape(circle.m, len(vectors), words)


def select(circle: Circle, bit: Bits, a: Vector, b: Vector) -> Protocol[Vector]:
    """a[i] where the bit (m, 1, words) is one, b[i] where it is zero."""
    (moved,) = yield from bits_times(circle, bit, [field.subtract(a, b)])
    return field.add(b, moved)


def absolute(circle: Circle, x: Vector) -> Protocol[Vector]:
    """|x|"""
    (below,) = yield from bits_times(circle, (yield from negative(circle, x)), [x])
    return field.combine([1, -2], [x, below])


def clamp(circle: Circle, x: Vector, low: Vector | int, high: Vector | int, bits: int = BOUND) -> Protocol[Vector]:
    """x, but `low` where it is less and `high` where it is more; bounds are shares or public, low <= high.

    Differences between x and its bounds are below 2^bits in size: the fewer, the cheaper.
    """
    if isinstance(low, int) and isinstance(high, int) and low > high:
        raise Invalid("nothing lies between bounds in the wrong order")
    # At most one of the bits is set.
    gaps = [field.subtract(_shares(low, x.size), x), field.subtract(_shares(high, x.size), x)]
    outside = yield from negatives(circle, field.negate(gaps[0]), gaps[1], bits=bits)
    return field.add(x, (yield from bits_times_added(circle, outside, np.concatenate(gaps))))


def within(circle: Circle, x: Vector, high: int) -> Protocol[Vector]:
    """x, but 0 where it is less and `high` where it is more, for every x of the field: what strangers may have dealt.

    `clamp` compares differences, and one that reaches 2^60 turns round: far below zero it leaves what is out of bounds.
    """
    # 1. Nothing is below zero; of every number the sign is exact.
    (below,) = yield from bits_times(circle, (yield from negative(circle, x)), [x])
    # 2. Nothing is above `high`.
    return (yield from minimum(circle, field.subtract(x, below), _shares(high, x.size)))


def ordered(circle: Circle, a: Vector, b: Vector) -> Protocol[tuple[Vector, Vector]]:
    """The smaller and the larger of a[i] and b[i]."""
    difference = field.subtract(b, a)
    (moved,) = yield from bits_times(circle, (yield from negative(circle, difference)), [difference])
    return field.add(a, moved), field.subtract(b, moved)


def minimum(circle: Circle, a: Vector, b: Vector) -> Protocol[Vector]:
    """The smaller of a[i] and b[i]."""
    return (yield from ordered(circle, a, b))[0]


def maximum(circle: Circle, a: Vector, b: Vector) -> Protocol[Vector]:
    """The larger of a[i] and b[i]."""
    return (yield from ordered(circle, a, b))[1]


def largest(circle: Circle, x: Vector) -> Protocol[Vector]:
    """(rows,): the largest of each row of `x`, (rows, columns); of a vector, (1,)."""
    (values,) = yield from _tournament(circle, [_rows(x)])
    return values


def smallest(circle: Circle, x: Vector) -> Protocol[Vector]:
    """(rows,): the smallest of each row of `x`, (rows, columns); of a vector, (1,)."""
    return field.negate((yield from largest(circle, _negated(x))))


def arg_largest(circle: Circle, x: Vector) -> Protocol[tuple[Vector, Vector]]:
    """As `largest`, and shares of the column, from 0, of the first that is the largest."""
    rows = _rows(x)
    places = np.tile(np.arange(rows.shape[1], dtype=np.uint64), (rows.shape[0], 1))
    values, columns = yield from _tournament(circle, [rows, places])
    return values, columns


def arg_smallest(circle: Circle, x: Vector) -> Protocol[tuple[Vector, Vector]]:
    """As `smallest`, and shares of the column, from 0, of the first that is the smallest."""
    values, columns = yield from arg_largest(circle, _negated(x))
    return field.negate(values), columns


def _tournament(circle: Circle, tables: list[Vector]) -> Protocol[list[Vector]]:
    """Of every table (rows, columns), the entry (rows,) where the first table is largest; of equals the first."""
    while (columns := tables[0].shape[1]) > 1:
        # 1. Neighbours compare; the right one wins only if it is larger.
        even, rows = columns - columns % 2, tables[0].shape[0]
        left = [table[:, 0:even:2].reshape(-1) for table in tables]
        right = [table[:, 1:even:2].reshape(-1) for table in tables]
        wins = yield from less(circle, left[0], right[0])
        # 2. What the winner has goes on; a column without a neighbour waits for the next level.
        moves = yield from bits_times(circle, wins, list(map(field.subtract, right, left)))
        winners = [field.add(*each).reshape(rows, -1) for each in zip(left, moves, strict=True)]
        tables = [np.concatenate([won, table[:, even:]], axis=1) for won, table in zip(winners, tables, strict=True)]
    return [table[:, 0].copy() for table in tables]


def _rows(x: Vector) -> Vector:
    rows = np.atleast_2d(x)
    if rows.ndim != 2 or not rows.size:
        raise Invalid("the largest is looked for in at least one number, in a vector or in rows")
    return rows


def _negated(x: Vector) -> Vector:
    return field.negate(x.reshape(-1)).reshape(x.shape)


def _shares(value: Vector | int, count: int) -> Vector:
    """A public number is a share of itself."""
    return np.full(count, value % P, dtype=np.uint64) if isinstance(value, int) else value
