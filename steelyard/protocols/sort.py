"""Sorting: rows of shared columns in the order of one of them; the greatest only, or those at chosen positions.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      10 for 100 rows at 2-of-3, 30 for 10^3, 80 for 10^4: a shuffle, then 1, 3 or 9 batches of comparisons that
            are opened.   Sends one shuffled column more than it sorts, and 22 (20 to 50) comparisons per row.
Reveals     how the shuffled rows compare, to all participants: a random order whatever the keys are, ties included,
            because no two keys are equal once the row's number is appended.
Follows     Hamada, Kikuchi, Ikarashi, Chida, Takahashi 2012: shuffle, then sort with comparisons that are opened.
Differs     quicksort on all parts of the list at once, with as many pivots as pay for the rounds saved
            (steelyard.protocols.pivots).  Sorting is stable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from steelyard import bitfield, field
from steelyard.bitfield import Bits, flipped
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols.bits import conjunction, open_bits
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import MANY, negative
from steelyard.protocols.pivots import Rows, Search
from steelyard.protocols.place import place
from steelyard.protocols.shuffle import shuffle
from steelyard.protocols.streaming import streamed
from steelyard.rounds import Protocol

HEAD_ROOM: Final = 59  # bits of a key: the difference of two fits into the field


def sort(
    circle: Circle, key: Vector, *payload: Vector, bits: int | None = None, descending: bool = False
) -> Protocol[list[Vector]]:
    """Fresh shares of key and payload, rows in ascending (or descending) order of key; equal keys stay in order.

    Keys are below 2^bits in size, at most 2^59.  A bound that leaves room for a row's number makes it cheaper.
    """
    return (yield from pick(circle, None, key, *payload, bits=bits, descending=descending))


def top(circle: Circle, key: Vector, count: int, *payload: Vector, bits: int | None = None) -> Protocol[list[Vector]]:
    """The `count` rows with the largest keys, in descending order; the others are not sorted."""
    positions = np.arange(count)
    return (yield from pick(circle, positions, key, *payload, bits=bits, descending=True))


def rank(circle: Circle, key: Vector, bits: int | None = None, descending: bool = False) -> Protocol[Vector]:
    """For every row, where it stands, a share of its position in the order, from 0; equal keys stay in order."""
    numbers = np.arange(key.size, dtype=np.uint64)
    _, ordered = yield from sort(circle, key, numbers, bits=bits, descending=descending)
    (ranks,) = yield from place(circle, ordered, numbers)
    return ranks


def pick(
    circle: Circle,
    positions: Rows | None,
    key: Vector,
    *payload: Vector,
    bits: int | None = None,
    descending: bool = False,
) -> Protocol[list[Vector]]:
    """The rows at public positions of the order; None for all of them."""
    count = key.size
    if positions is not None and positions.size and not 0 <= positions.min() <= positions.max() < count:
        raise Invalid("a position is from zero to the number of rows less one")
    # 1. Shuffle the rows, with their numbers.
    numbers = np.arange(count, dtype=np.uint64)
    directed, number, *others = yield from shuffle(circle, field.negate(key) if descending else key, numbers, *payload)
    # 2. Find their order by comparisons that are opened.
    order = yield from _order(circle, _distinct(directed, number, bits), positions)
    # 3. Take what was asked for.
    chosen = order if positions is None else order[positions]
    taken = [column[chosen] for column in (directed, *others)]
    return [field.negate(taken[0]) if descending else taken[0], *taken[1:]]


def _distinct(key: Vector, number: Vector, bits: int | None) -> list[Vector]:
    """One column of keys that all differ, or, where they do not fit, two to be compared one after the other."""
    if bits is not None and not 0 <= bits <= HEAD_ROOM:
        raise Invalid(f"keys to be sorted have at most {HEAD_ROOM} bits")
    room = max(1, key.size - 1).bit_length()
    if bits is None or bits + room > HEAD_ROOM:
        return [key, number]
    return [field.combine([1 << room, 1], [key, number])]


def _order(circle: Circle, keys: Sequence[Vector], positions: Rows | None) -> Protocol[Rows]:
    """The rows by their keys, at these positions at least."""
    search = Search(keys[0].size, MANY, positions)
    less = negative if len(keys) == 1 else _less_by_two
    while (questions := search.questions())[0].size:
        left, right = questions
        differences = [field.subtract(key[left], key[right]) for key in keys]
        share = yield from streamed(circle, less, *differences)
        opened = yield from open_bits(circle, "outcomes", share)
        search.answer(np.unpackbits(opened[0].view(np.uint8), bitorder="little")[: left.size].astype(bool))
    return search.order


def _less_by_two(circle: Circle, first: Vector, second: Vector) -> Protocol[Bits]:
    """[first < 0, or first = 0 and second < 0]."""
    width = bitfield.words(first.size)
    padded = np.zeros((3, bitfield.WORD * width), dtype=np.uint64)  # so that each begins at a word
    padded[:, : first.size] = first, field.negate(first), second
    signs = yield from negative(circle, padded.reshape(-1))
    less, greater, second_less = np.split(signs, 3, axis=2)
    return less ^ (yield from conjunction(circle, "tie", flipped(less ^ greater), second_less))
