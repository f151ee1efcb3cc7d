"""Bins: how many shared rows of each of several parties lie between public edges.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      16 at k = 2, 24 at k = 3.   Sends a comparison per row and edge, then one per party and bin.
Reveals     nothing.
Follows     steelyard.protocols.compare, one comparison with every edge.
Differs     nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from steelyard import field
from steelyard.field import P, Vector
from steelyard.protocols.bit_to_field import bits_times, to_field
from steelyard.protocols.circle import Circle
from steelyard.protocols.select import negatives
from steelyard.rounds import Protocol


def binned(
    circle: Circle, rows: Sequence[Vector], valid: Sequence[Vector], edges: Sequence[int]
) -> Protocol[tuple[Vector, Vector]]:
    """Shares (parties, bins) of the number of valid rows in every bin, and of whether there are any.

    Of one party each are `rows` and `valid`, shares of as many numbers below 2^59 and of 0 or 1.  Edges ascend; bin b
    begins at edge b-1, the first and the last bin have no end.
    """
    # 1. Which valid rows are under each edge?
    every, counted = np.concatenate(rows), np.concatenate(valid)
    bits = yield from negatives(circle, *(_less(every, edge) for edge in edges))
    (under,) = yield from bits_times(circle, bits, [np.tile(counted, len(edges))])
    # 2. A bin holds those under its upper edge but not under its lower one.
    below = np.concatenate([under.reshape(len(edges), -1), counted[None]])
    starts = list(accumulate((each.size for each in rows), initial=0))
    counts = np.stack([_steps(below[:, a:b]) for a, b in pairwise(starts)])
    # 3. There are none where one less is negative.
    empty = yield from negatives(circle, _less(counts.reshape(-1), 1))
    none = yield from to_field(circle, empty, counts.size)
    return counts, field.subtract(np.ones(counts.size, dtype=np.uint64), none[0]).reshape(counts.shape)


def _less(share: Vector, public: int) -> Vector:
    return field.subtract(share, np.full(share.size, public % P, dtype=np.uint64))


def _steps(below: Vector) -> Vector:
    """(bins,) from (bins, rows): what each row of bits has more than the one before."""
    ones = np.ones(below.shape[1], dtype=np.uint64)
    reached = [0, *(field.dot(np.ascontiguousarray(row), ones) for row in below)]
    return np.array([(high - low) % P for low, high in pairwise(reached)], dtype=np.uint64)
