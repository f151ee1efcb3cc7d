"""Placing: rows of shared columns go to the positions that a shared column says.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      1 more than a shuffle: 3 at 2-of-n, 6 at 3-of-5.   Sends what a shuffle with one column more does, and the
            positions to everybody.
Reveals     the positions in shuffled order, to all participants: a random order, whatever they are.
Follows     Hamada, Ikarashi, Chida, Takahashi 2014 (oblivious radix sort): a shared permutation is opened shuffled.
Differs     nothing.
"""

from __future__ import annotations

import numpy as np

from steelyard.errors import Cheated
from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.ids import PartyId
from steelyard.protocols.circle import Circle
from steelyard.protocols.disputes import blaming
from steelyard.protocols.shuffle import shuffle
from steelyard.rounds import Protocol, broadcast
from steelyard.sharing.robust import open_robustly


def place(circle: Circle, positions: Vector, *columns: Vector) -> Protocol[list[Vector]]:
    """Fresh shares of the columns with row i at positions[i], which are 0..count-1 in some order, of shares."""
    # 1. Shuffle the rows with their positions.
    shuffled, *rows = yield from shuffle(circle, positions, *columns)
    # 2. Open the positions.
    received = yield broadcast("positions", to_bytes(shuffled), circle.others)
    shares: dict[PartyId, Vector] = {circle.me: shuffled}
    for party in circle.others:
        with blaming(party):
            shares[party] = from_bytes(received[party], shuffled.size)
    opened = open_robustly(shares, circle.points, circle.threshold).value
    # 3. Which row belongs first, second, ...
    order = np.argsort(opened)
    if not np.array_equal(opened[order], np.arange(opened.size, dtype=np.uint64)):
        raise Cheated("rows were to go to positions that are not all different", suspects=circle.parties)
    return [column[order] for column in rows]
