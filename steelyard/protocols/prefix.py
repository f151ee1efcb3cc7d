"""Prefixes: sums of all numbers up to each, AND and OR of all bits up to each, carries out of chosen digits.

Model       semi-honest, as steelyard.protocols.bits.
Rounds      0 for sums; 1 for every level of a tree, ceil(log2 c) for c rows.   Sends at most c/2 ANDs on every level,
            and twice as many for carries.
Reveals     nothing.
Follows     Sklansky 1960: on level l, rows whose index has bit l set take in the last row below them that has not.
Differs     only what the wanted rows need is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard import field
from steelyard.bitfield import Bits, flipped
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.protocols.bits import Terms, conjunction
from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol

_LIMB: Final = 31  # bits: fewer than 2^32 limbs add up in a word
Pairs = tuple[tuple[int, int], ...]


def prefix_sums(x: Vector) -> Vector:
    """Shares of x[0] + ... + x[i] for every i; along the rows of (rows, columns).  Local."""
    limbs = x & np.uint64((1 << _LIMB) - 1), x >> np.uint64(_LIMB)
    low, high = (np.cumsum(limb, axis=-1, dtype=np.uint64).reshape(-1) % np.uint64(P) for limb in limbs)
    return field.combine([1, 1 << _LIMB], [low, high]).reshape(x.shape)


def prefix_and(circle: Circle, bits: Bits) -> Protocol[Bits]:
    """(m, rows, words): row i is the AND of rows 0..i of `bits`."""
    rows = bits.copy()
    for pairs in _levels(bits.shape[1]):
        products = yield from conjunction(circle, "prefix", rows, rows, _terms(pairs))
        rows[:, [i for i, _ in pairs]] = products
    return rows


def prefix_or(circle: Circle, bits: Bits) -> Protocol[Bits]:
    """(m, rows, words): row i is the OR of rows 0..i of `bits`."""
    return flipped((yield from prefix_and(circle, flipped(bits))))


def prefix_carries(circle: Circle, generate: Bits, propagate: Bits, wanted: Sequence[int]) -> Protocol[Bits]:
    """(m, len(wanted), words): the carries out of the digits `wanted`, from (m, c, words) each, the lowest digit first.

    No digit both generates and propagates; what digit 0 propagates is not looked at.
    """
    if not wanted or not all(0 <= digit < generate.shape[1] for digit in wanted):
        raise Invalid("carries are wanted of digits that are there")
    generate, propagate = generate.copy(), propagate.copy()
    for level in _carry_levels(generate.shape[1], tuple(wanted)):
        through, both = level.through, level.both
        below = np.concatenate([generate[:, through[1]], propagate[:, both[1]]], axis=1)
        products = yield from conjunction(circle, "carry", propagate, below, level.terms)
        generate[:, through[0]] ^= products[:, : through[0].size]
        propagate[:, both[0]] = products[:, through[0].size :]
    return generate[:, list(wanted)]


Rows = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class _Level:
    """Rows i whose digits take in those of row j: i and j."""

    through: Rows  # to know what they generate together
    both: Rows  # to know what they propagate together
    terms: Terms  # (output, row of `propagate`, row below), as `conjunction` takes them

    @classmethod
    def of(cls, through: Pairs, both: Pairs) -> _Level:
        rows = [i for i, _ in (*through, *both)]
        terms = np.array([(output, i, output) for output, i in enumerate(rows)], dtype=np.int64)
        return cls(_split(through), _split(both), terms)


def _split(pairs: Pairs) -> Rows:
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T.copy()
    return left, right


@lru_cache(maxsize=64)
def _levels(count: int) -> tuple[Pairs, ...]:
    """(i, j), level by level: row i takes in row j."""
    depth = range((count - 1).bit_length())
    return tuple(tuple((i, (i >> level << level) - 1) for i in range(count) if i >> level & 1) for level in depth)


@lru_cache(maxsize=256)
def _carry_levels(count: int, wanted: tuple[int, ...]) -> tuple[_Level, ...]:
    """Found from the last level to the first, by what is needed of each row."""
    generates, propagates = set(wanted), set[int]()
    levels = []
    for pairs in reversed(_levels(count)):
        through = tuple((i, j) for i, j in pairs if i in generates)
        both = tuple((i, j) for i, j in pairs if i in propagates)
        generates |= {j for _, j in through}
        propagates |= {i for i, _ in through} | {j for _, j in both}
        levels.append(_Level.of(through, both))
    return tuple(level for level in reversed(levels) if level.through[0].size)


def _terms(pairs: Pairs) -> Terms:
    return np.array([(output, i, j) for output, (i, j) in enumerate(pairs)], dtype=np.int64)
