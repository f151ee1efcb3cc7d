"""Herfindahl: the index of concentration of shared numbers, the sum of the squares of their parts of the total.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      102 for k = 2, 147 for k = 3.   Sends, at 2-of-3, 0.8 kB per party and number.
Reveals     nothing.
Follows     Herfindahl, Hirschman; steelyard.protocols.divide.
Differs     numbers and total are scaled by a power of two first, found from the total's bits: sizes do not matter.

With s for a part, floor(2^22 s') is computed, where s' is s but for 2^-33, because of heads of 34 bits.  For S, that
floor, S (S + 1) is S^2 with half a unit more in S: summed up it errs by at most 2^22 of 2^44, heads by 2^12 more.  With
the last rounding, of half a unit, the index is less than 3/4 of a unit of its sixth decimal off.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from steelyard import field
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.divide import divide, normaliser
from steelyard.protocols.multiply import inner_product, multiply
from steelyard.protocols.truncate import rescale, truncate
from steelyard.rounds import Protocol

DECIMALS: Final = 6
SIZE: Final = 59  # bits of a total
HEAD: Final = 34  # bits of a total that count
PART: Final = 22  # bits of a part: its square times 10^6 stays below 2^59


def herfindahl(circle: Circle, numbers: Vector, total: Vector) -> Protocol[tuple[Vector, Vector]]:
    """(columns,): the index of each column of `numbers`, (rows, columns), in millionths; and [total != 0].

    No number is negative, and `total`, (columns,), is their sum, below 2^59, or zero where the index is not wanted.
    """
    rows, columns = numbers.shape
    # 1. Scale, so that the total has all its bits, and take the heads.
    scale, _ = yield from normaliser(circle, total, SIZE)
    everything = np.concatenate([numbers.reshape(-1), total])
    scaled = yield from multiply(circle, np.tile(scale, rows + 1), everything)
    heads = yield from truncate(circle, scaled, SIZE - HEAD)
    # 2. Parts of the total.
    whole = np.tile(heads[-columns:], rows)
    parts, defined = yield from divide(circle, heads[:-columns], whole, PART, PART + 1, HEAD)
    # 3. The sum of their squares, in millionths: 10^6 / 2^44 = 5^6 / 2^38.
    pairs = [(part, field.add(part, np.ones_like(part))) for part in parts.reshape(rows, columns)]
    squares = yield from inner_product(circle, pairs)
    index = yield from rescale(circle, field.scale(5**DECIMALS, squares), 2 * PART - DECIMALS)
    return index, defined[:columns]
