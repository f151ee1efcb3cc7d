"""Random linear combinations of a vector: a short fingerprint that lies on the same polynomial as the vector does.

If shares of a vector are not on one polynomial of degree k-1, then neither are their combinations, except with
probability (2/P)^3 < 2^-179 over the seed (Schwartz-Zippel).  The seed is therefore drawn, or fixed by a coin nobody
controls, after the vectors are fixed.

The vector is read in rows of 1024.  Challenge t weighs element (r, c) with rows[r, t] * columns[c, t]: a polynomial of
degree two in few random values, so that drawing them costs next to nothing.

A combination of shares is a share of the combination of the secrets: add a share of a random mask before showing it.

Where a hash fixes a share as well, the two together would let k-1 parties try values: a guess and their own shares give
the share of another party, this and the combination its masks, and the hash says whether the guess is right.  So
random elements that nobody ever opens, the salt, stand between the vector and its masks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from steelyard import field_kernels as kernels
from steelyard.errors import Invalid
from steelyard.field import Vector, add, uniform
from steelyard.randomness import Keystream

CHALLENGES: Final = 3  # no setting changes it, fewer would make the check unsound; the kernel is written for three
WIDTH: Final = 1024
SALT: Final = 4  # elements, 244 bits of which are unknown to who lacks one share
BEHIND: Final = SALT + CHALLENGES  # random elements behind a vector that is dealt under a hash of each share


def combine(seed: bytes, vector: Vector) -> Vector:
    """The three combinations of `vector`, of any length, under a 32-byte seed; they are linear in the vector."""
    if vector.dtype != np.uint64 or vector.ndim != 1:
        raise Invalid("a vector over the field is a one-dimensional array of uint64")
    columns, rows = _weights(seed, -(-vector.size // WIDTH))
    out = np.empty(CHALLENGES, dtype=np.uint64)
    kernels.bilinear(np.require(vector, requirements=["C", "A"]), rows, columns, out)
    return out


def masked(seed: bytes, vector: Vector) -> Vector:
    """The combinations of all but the last three elements, hidden by these: random masks that serve nothing else.

    For one vector always under one seed: two of them would tell a combination without its mask.
    """
    return add(combine(seed, vector[:-CHALLENGES]), vector[-CHALLENGES:])


@lru_cache(maxsize=4)  # one seed judges the shares of many holders, or many dealings
def _weights(seed: bytes, rows: int) -> tuple[Vector, Vector]:
    stream = Keystream(seed)
    return uniform(stream, CHALLENGES * WIDTH), uniform(stream, CHALLENGES * rows)
