"""Which rows to compare next: a quicksort with many pivots, all parts of the list at once.

Public bookkeeping: it sees outcomes of comparisons, never keys.  Rows come shuffled, so the first rows of a part are as
good pivots as any.  All parties take the same decisions: whole numbers and single divisions, no function of a library.
"""

from __future__ import annotations

from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

_GAINS: Final = [round(log(p + 1), 3) for p in range(1, 64)]  # of cutting by p pivots, in digits to the base e


class Search:
    """The order of `count` rows whose keys differ, from comparisons asked for in batches.

    `wanted` are the positions of the order that matter; without it, all.  `batch` is how many comparisons cost as much
    as the rounds of a batch do: the more, the more is compared in one.
    """

    def __init__(self, count: int, batch: int, wanted: Rows | None = None) -> None:
        self.order: Rows = np.arange(count)  # the rows in their order, as far as it is known
        self._bounds: Rows = np.array([0, count])  # where its parts begin: of two parts the second is greater
        self._batch = batch
        self._wanted = None if wanted is None else np.sort(wanted)
        self._left = self._right = np.zeros(0, dtype=np.int64)

    def questions(self) -> tuple[Rows, Rows]:
        """Rows (left, right): the next `answer` says for each pair whether left is less.  No pairs: it is done."""
        starts, sizes = self._open_parts()
        pivots = self._pivots(sizes)
        places = _ranges(starts, pivots)
        followers = np.repeat(starts + sizes, pivots) - places - 1  # a pivot meets those that stand after it
        self._left = np.repeat(places, followers)
        self._right = _ranges(places + 1, followers)
        return self.order[self._left], self.order[self._right]

    def answer(self, is_less: NDArray[np.bool_]) -> None:
        count, sizes = self.order.size, np.diff(self._bounds)
        is_pivot = np.zeros(count, dtype=bool)
        is_pivot[self._left] = True
        # 1. For every row: how many pivots of its part are less?
        below = np.bincount(self._right[is_less], minlength=count)
        below += np.bincount(self._left[is_pivot[self._right] & ~is_less], minlength=count)
        # 2. The pivot that is greater than j others follows the rows that are, and is a part by itself.
        code = 2 * below + is_pivot + np.repeat(np.arange(sizes.size), sizes) * 2 * (int(below.max()) + 1)
        packed = np.sort(code * count + np.arange(count))
        self.order, code = self.order[packed % count], packed // count
        self._bounds = np.concatenate([[0], 1 + np.flatnonzero(np.diff(code)), [count]])

    def _open_parts(self) -> tuple[Rows, Rows]:
        """Start and size of the parts that have several rows and a wanted position."""
        starts, ends = self._bounds[:-1], self._bounds[1:]
        matters = ends - starts > 1
        if self._wanted is not None:
            matters &= np.searchsorted(self._wanted, starts) < np.searchsorted(self._wanted, ends)
        return starts[matters], (ends - starts)[matters]

    def _pivots(self, sizes: Rows) -> Rows:
        """How many pivots for each part; where all rows are compared with all, all but one."""
        rows, pairs = int(sizes.sum()), int((sizes * (sizes - 1) // 2).sum())
        if not rows:
            return sizes
        # 1. Pivots for a part of typical size, so that a batch gains most for what it and its rounds cost.
        overhead = self._batch / rows
        p = 1 + max(range(len(_GAINS)), key=lambda i: _GAINS[i] / (overhead + 1 + i))
        if pairs * p <= (self._batch + p * rows) * (p + 1):
            return sizes - 1  # cheaper than one more batch and all pairs of what that leaves
        # 2. The larger a part the more, so that what is left of all is alike.
        target = (2 * pairs + rows) / rows / (p + 1)
        pivots = np.maximum(1, np.rint(sizes / target).astype(np.int64) - 1)
        everyone: Rows = np.where(sizes <= 2 * pivots + 2, sizes - 1, pivots)
        return everyone


def _ranges(starts: Rows, lengths: Rows) -> Rows:
    """start, start + 1, ..., of every length, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]) if ends.size else 0) + np.repeat(starts - ends + lengths, lengths)
