"""Second moment: the exact sum of the squares of everybody's values, in limbs none of which can wrap.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      16 for k = 2, 24 for k = 3.   Sends two truncations of a number.
Reveals     nothing: the limbs are those of the sum, and say nothing about what was carried between the parties' own.
Follows     carrying in base 2^47, with steelyard.protocols.truncate.
Differs     nothing.

Values are below 2^59 in size.  Those of up to 4,096 contributors can be added: then each may have 2^23 values of the
largest size, or more that are smaller (`steelyard.fixedpoint.check_aggregate` sees to it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from steelyard import field
from steelyard.field import Vector
from steelyard.functions.question import Values
from steelyard.protocols.circle import Circle
from steelyard.protocols.truncate import truncate
from steelyard.rounds import Protocol

LIMBS: Final = 3
WIDTH: Final = 47  # bits: the sum of 4,096 limbs stays below 2^59
_PART: Final = 20  # bits of a third of a value
_AT_ONCE: Final = 1 << 22  # values, whose products of 40 bits add up to less than 2^63


def limbs(values: Values) -> Values:
    """(LIMBS,) of the sum of the squares of values below 2^59 in size, the lowest first."""
    moment = sum(_squares(values[start : start + _AT_ONCE]) for start in range(0, values.size, _AT_ONCE))
    low, rest = moment % (1 << WIDTH), moment >> WIDTH
    return np.array([low, rest % (1 << WIDTH), rest >> WIDTH], dtype=np.int64)


def carried(circle: Circle, sums: Vector) -> Protocol[Vector]:
    """(LIMBS,) shares of the limbs of a second moment, from those of sums of limbs, each below 2^59."""
    low, middle, high = sums[:1], sums[1:2], sums[2:]
    over = yield from truncate(circle, low, WIDTH)
    low, middle = field.combine([1, -(1 << WIDTH)], [low, over]), field.add(middle, over)
    over = yield from truncate(circle, middle, WIDTH)
    middle, high = field.combine([1, -(1 << WIDTH)], [middle, over]), field.add(high, over)
    return np.concatenate([low, middle, high])


def joined(opened: Sequence[int]) -> int:
    """The second moment."""
    return sum(limb << WIDTH * place for place, limb in enumerate(opened))


def _squares(values: Values) -> int:
    size = np.abs(values)
    parts = np.stack([size >> _PART * place & (1 << _PART) - 1 for place in range(3)])
    products = parts @ parts.T
    return sum(int(products[i, j]) << _PART * (i + j) for i in range(3) for j in range(3))
