"""Permutation networks: how switches must stand so that rows come out in a given order.

For N = 2^t rows a network has 2t-1 stages.  A switch of a stage exchanges two rows, or not, whose positions differ in
one bit: bits 0, 1, ..., t-1, ..., 1, 0 in turn.  Every order can be had.

Reference    V. Benes, Bell System Technical Journal 43 (1964); A. Waksman, J. ACM 15 (1968) for the routing
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.kernel import kernel

_ORDER: Final = types.Array(types.int64, 1, "C", readonly=True)
_STAGES: Final = types.Array(types.uint64, 2, "C")


def stages(count: int) -> list[int]:
    """For every stage of a network of at least `count` rows, two or more, the bit in which partners differ."""
    if count < 2:
        raise Invalid("a network switches at least two rows")
    last = (count - 1).bit_length() - 1
    return [*range(last + 1), *reversed(range(last))]


def route(order: NDArray[np.int64]) -> NDArray[np.uint64]:
    """(stages, N / 2): 1 where a switch exchanges, so that row i of 2^t rows comes from row order[i].

    The switch of the positions p and p + 2^b stands at p // 2^(b+1) * 2^b + p % 2^b.
    """
    size = order.size
    if size & (size - 1) or not np.array_equal(np.sort(order), np.arange(size)):
        raise Invalid("a network takes an order of 2^t rows")
    switches = np.zeros((len(stages(size)), size // 2), dtype=np.uint64)
    _route(np.ascontiguousarray(order), switches)
    return switches


@kernel(types.void, _ORDER, _STAGES)
def _route(order: NDArray[np.int64], switches: NDArray[np.uint64]) -> None:
    """Level by level: a network of 2M rows is a stage, two networks of M rows and a stage.

    Network s of level b is of the positions whose lowest b bits are s; its rows follow each other in `now`.
    """
    size, depth = order.size, switches.shape[0] // 2
    now, inner, source = order.copy(), np.empty(size, np.int64), np.empty(size, np.int64)
    for b in range(depth):
        width, first, last = size >> b, switches[b], switches[switches.shape[0] - 1 - b]
        done = np.zeros(size, np.uint8)
        for s in range(1 << b):
            base = s * width
            for y in range(width):
                source[base + now[base + y]] = y
            for start in range(0, width, 2):
                y = start
                while not done[base + (y >> 1)]:  # y comes through the upper network, its partner through the lower
                    done[base + (y >> 1)] = 1
                    x = now[base + y]
                    last[((y >> 1) << b) + s] = y & 1
                    first[((x >> 1) << b) + s] = x & 1
                    inner[s * (width >> 1) + (y >> 1)] = x >> 1
                    other = source[base + (x ^ 1)]  # so does what came in beside it
                    inner[(s + (1 << b)) * (width >> 1) + (other >> 1)] = x >> 1
                    y = other ^ 1
        now, inner = inner, now
    for s in range(size >> 1):
        switches[depth, s] = now[2 * s]
