"""Limbs: integers too large for the field, added up over the parties in pieces that tell nothing but the sum.

An integer of less than 2^158 in size is cut into ten limbs of 12 bits, the highest with all the rest and the sign.
Sums of limbs alone would also tell what is carried from limb to limb.  So every party lends each limb a random amount
of 40 bits from the next higher one: for the sum of all it makes no difference, and of carries among n parties it leaves
a statistical distance below n 2^-40 a limb.  No piece reaches 2^52, but for the highest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.randomness import Randomness

Values = NDArray[np.int64]

COUNT: Final = 10
MOST: Final = 127  # contributors whose limbs add up below 2^59
BITS: Final = 12
LOAN: Final = 40
_HIGHEST: Final = BITS * (COUNT - 1)
_ROOM: Final = 50  # bits of the highest limb


def split(numbers: Sequence[int]) -> Values:
    """(numbers, COUNT), the lowest limb first; raises Invalid for a number of 2^158 or more."""
    if any(abs(number) >> (_HIGHEST + _ROOM) for number in numbers):
        raise Invalid("a sum of products is larger than a computation can carry: take larger units")
    mask = (1 << BITS) - 1
    rows = [[*(number >> BITS * i & mask for i in range(COUNT - 1)), number >> _HIGHEST] for number in numbers]
    return np.array(rows, dtype=np.int64).reshape(-1, COUNT)


def disguised(limbs: Values, randomness: Randomness) -> Values:
    """The same numbers in limbs that say nothing else, (numbers, COUNT)."""
    size = len(limbs) * (COUNT - 1)
    words = np.frombuffer(randomness.bytes(8 * size), dtype="<u8") >> np.uint64(64 - LOAN)
    loans = words.astype(np.int64).reshape(-1, COUNT - 1)
    lent = limbs.copy()
    lent[:, :-1] += loans << BITS
    lent[:, 1:] -= loans
    return lent


def join(sums: Values) -> list[int]:
    """The numbers behind (numbers, COUNT) sums of limbs."""
    return [sum(limb << BITS * i for i, limb in enumerate(row)) for row in sums.tolist()]
