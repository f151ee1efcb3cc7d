"""Switching: a shuffle for many parties, through networks whose switches k parties set, one network each.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      1 + k (2t-1) for 2^t rows.   Sends (2k-1)(n-k)(2t-1) / 2n elements per party, row, column and network, and
            (n-k)(2t-1) / 2 per row of each who sets one.
Reveals     nothing.
Follows     Benes 1964 and Waksman 1968 (steelyard.sharing.benes), with switches that are shared bits.
Differs     nothing.
"""

from __future__ import annotations

import numpy as np

from steelyard import field
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.multiply import deal_values, reshare
from steelyard.randomness import SystemRandomness
from steelyard.rounds import Protocol
from steelyard.sharing.benes import route, stages
from steelyard.sharing.random_order import random_order


def switch(circle: Circle, table: Vector) -> Protocol[Vector]:
    """Fresh shares of the rows, of a table (columns, rows), in a secret random order."""
    columns, count = table.shape
    bits = stages(count)
    size = 1 << max(bits) + 1
    # 1. k parties deal how their switches stand; rows that are no rows stay at the end.
    mine = None
    if circle.me in circle.adders:
        order = np.arange(size)
        order[:count] = random_order(SystemRandomness(), count)
        mine = route(order).reshape(-1)
    dealt = yield from deal_values(circle, "switches", circle.adders, mine, len(bits) * size // 2)
    # 2. Network after network, stage by stage.
    rows = np.zeros((columns, size), dtype=np.uint64)
    rows[:, :count] = table
    for network in dealt.values():
        for bit, switches in zip(bits, network.reshape(len(bits), -1), strict=True):
            rows = yield from _stage(circle, rows, switches, bit)
    return rows[:, :count]


def _stage(circle: Circle, rows: Vector, switches: Vector, bit: int) -> Protocol[Vector]:
    """Rows whose positions differ in `bit` are exchanged where their switch is 1."""
    pairs = rows.reshape(rows.shape[0], -1, 2, 1 << bit)
    low, high = pairs[:, :, 0].reshape(-1), pairs[:, :, 1].reshape(-1)
    move = field.multiply(np.tile(switches, rows.shape[0]), field.subtract(high, low))
    move = yield from reshare(circle, "switch", move)
    shape = (rows.shape[0], -1, 1, 1 << bit)
    moved = [each.reshape(shape) for each in (field.add(low, move), field.subtract(high, move))]
    return np.concatenate(moved, axis=2).reshape(rows.shape)
