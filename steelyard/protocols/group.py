"""Grouping: rows with equal keys are counted as one, or their values added up.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      8 (k = 2) or 12 (k = 3) more than a sort to count keys; 13 or 20 to add up.   Sends per row, after the sort,
            a comparison; to add up also a shuffle of all columns and, at 2-of-3, 3 elements and 1 per column.
Reveals     random orders, to all participants (steelyard.protocols.sort, steelyard.protocols.place); neither keys nor
            how many groups there are or how large.
Follows     sort, then compare neighbours (Jonsson, Kreitz, Uddin 2011).
Differs     sums are differences of running sums: the last rows of the groups move to the front, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as of

import numpy as np

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols.bit_to_field import bits_times
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import negative
from steelyard.protocols.multiply import multiply
from steelyard.protocols.place import place
from steelyard.protocols.quantile import dummies_last
from steelyard.protocols.sort import HEAD_ROOM, sort
from steelyard.protocols.streaming import streamed
from steelyard.rounds import Protocol


@dataclass(frozen=True, slots=True)
class Groups:
    """As many rows as went in: a group each, in ascending order of keys, then zeros.  All are shares."""

    key: Vector = of(repr=False)
    sums: tuple[Vector, ...] = of(repr=False)
    exists: Vector = of(repr=False)  # 1 for a group


def unique_count(circle: Circle, key: Vector, valid: Vector | None = None, bits: int | None = None) -> Protocol[Vector]:
    """(1,): a share of the number of different keys, of the rows that are valid (shares of 0 or 1)."""
    ordered = yield from _sorted(circle, key, [], valid, bits)
    last = yield from _last_of_groups(circle, *ordered)
    return np.array([field.dot(last, np.ones_like(last))], dtype=np.uint64)


def group_sums(
    circle: Circle, key: Vector, *values: Vector, valid: Vector | None = None, bits: int | None = None
) -> Protocol[Groups]:
    """The sums of the values of all (valid) rows with the same key, for every key.

    A column of ones, or `valid` itself, among the values gives the sizes of the groups.
    """
    # 1. Sort; mark the last row of every group.
    ordered, flags, *columns = yield from _sorted(circle, key, values, valid, bits)
    last = yield from _last_of_groups(circle, ordered, flags)
    # 2. Move the last rows to the front, with their running sums.
    running = [_running(column) for column in columns]
    places = yield from _front(circle, last)
    exists, ordered, *running = yield from place(circle, places, last, ordered, *running)
    # 3. A group's sum is what its running sum has grown.  Rows that are no group become zeros.
    found = [ordered, *(_growth(column) for column in running)]
    products = yield from multiply(circle, np.tile(exists, len(found)), np.concatenate(found))
    keys, *sums = products.reshape(len(found), -1)
    return Groups(keys, tuple(sums), exists)


def _sorted(
    circle: Circle, key: Vector, values: Sequence[Vector], valid: Vector | None, bits: int | None
) -> Protocol[list[Vector]]:
    """Key, valid and values, in ascending order of valid keys; then what is not valid."""
    if not key.size:
        raise Invalid("no rows are no groups")
    if valid is None:
        ordered, *columns = yield from sort(circle, key, *values, bits=bits)
        return [ordered, np.ones_like(key), *columns]
    pushed, bits = dummies_last(key, valid, HEAD_ROOM - 2 if bits is None else bits)
    return (yield from sort(circle, pushed, valid, *values, bits=bits))


def _last_of_groups(circle: Circle, ordered: Vector, valid: Vector) -> Protocol[Vector]:
    """1 for a valid row whose key is less than the next one's, and for the last row if it is valid."""
    if ordered.size < 2:
        return valid
    steps = yield from streamed(circle, negative, field.subtract(ordered[:-1], ordered[1:]))
    (last,) = yield from bits_times(circle, steps, [valid[:-1]])
    return np.concatenate([last, valid[-1:]])


def _front(circle: Circle, marked: Vector) -> Protocol[Vector]:
    """Positions that bring the marked rows to the front; they stay in order, and so do the others."""
    running = _running(marked)
    if_marked = field.subtract(running, marked)
    numbers, total = np.arange(marked.size, dtype=np.uint64), np.repeat(running[-1:], marked.size)
    if_not = field.subtract(field.add(numbers, total), if_marked)
    return field.add(if_not, (yield from multiply(circle, marked, field.subtract(if_marked, if_not), "places")))


def _running(column: Vector) -> Vector:
    """The sums of the first 1, 2, ... elements, of fewer than 2^28."""
    low, high = np.cumsum(column & np.uint64(2**32 - 1)), np.cumsum(column >> np.uint64(32))
    return field.combine([1, 1 << 32], [low, high])


def _growth(running: Vector) -> Vector:
    return field.subtract(running, np.concatenate([np.zeros(1, dtype=np.uint64), running[:-1]]))
