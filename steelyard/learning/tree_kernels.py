"""The two loops over rows that growing trees takes, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from steelyard.kernel import kernel

_LONGS = types.Array(types.int64, 1, "C", readonly=True)
_BINS = types.Array(types.uint8, 2, "C", readonly=True)
_FLOATS = types.Array(types.float64, 1, "C", readonly=True)
_OUT = types.Array(types.float64, 4, "C")
_NODES = types.Array(types.int64, 1, "C")


@kernel(types.void, _LONGS, _BINS, _FLOATS, _FLOATS, _OUT)
def count(
    node: NDArray[np.int64], binned: NDArray[np.uint8], slope: NDArray[Any], bend: NDArray[Any], out: NDArray[Any]
) -> None:
    """Adds each row's slope and bend to its cells of `out`: (2, nodes, columns, bins)."""
    for row in range(node.size):
        for column in range(binned.shape[1]):
            out[0, node[row], column, binned[row, column]] += slope[row]
            out[1, node[row], column, binned[row, column]] += bend[row]


@kernel(types.void, _NODES, _BINS, _LONGS, _LONGS)
def descend(
    node: NDArray[np.int64], binned: NDArray[np.uint8], column: NDArray[np.int64], at: NDArray[np.int64]
) -> None:
    """From a node of this level to its left child, or right where the row's bin is above `at` (-1: never)."""
    for row in range(node.size):
        here = node[row]
        right = at[here] >= 0 and binned[row, column[here]] > at[here]
        node[row] = 2 * here + right
