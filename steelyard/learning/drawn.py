"""Drawn: boosted trees whose splits are drawn by lot, so that noise is spent on the leaves alone.

A histogram of every column at every level of every tree costs too much privacy for what it tells.  Here a column's
values are counted once; then each tree's columns and edges are drawn, the same for all, and one sum of slopes over its
leaves is asked for.  References: P. Geurts, D. Ernst, L. Wehenkel, Machine Learning 63 (2006); for spending on leaves
H. Nori et al., ICML 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from steelyard.learning import scoring
from steelyard.learning.asking import Ask, Floats, Steps
from steelyard.learning.boosting import Forest, Integers, leaves
from steelyard.learning.records import uniform
from steelyard.learning.scaling import Prepared
from steelyard.learning.strategy import Place, Trained, settled

CELLS: Final = 64  # of a column, from its low limit to its high one
_STEEP: Final = 0.25  # the second derivative of the log-loss is at most this


@dataclass(frozen=True, slots=True)
class Drawn:
    """For columns within public limits (`scaling.limited`)."""

    trees: int = 50
    depth: int = 4
    rate: float = 0.1
    l2: float = 1.0

    @property
    def releases(self) -> int:
        return self.trees + 1

    def longest(self, columns: int) -> int:
        return max(2 << self.depth, columns * CELLS, 2 * scoring.CELLS + 1)

    def steps(self, rows: Prepared, place: Place) -> Steps[Trained]:
        below = yield from _below(rows)
        sensitivity = float(np.sqrt(1 + _STEEP**2))  # a row is in one leaf
        calm, size = max(self.l2, place.noise * sensitivity), 1 << self.depth
        feature, edge = np.zeros((self.trees, size - 1), dtype=np.int64), np.zeros((self.trees, size - 1))
        value, scores = np.zeros((self.trees, size)), np.zeros(len(rows.x))
        for tree in range(self.trees):
            # 1. Draw the splits.
            feature[tree], edge[tree] = self._splits(below, place.seed, tree)
            # 2. Slopes and bends of the rows in each leaf.
            leaf, p = leaves(rows.x, feature[tree], edge[tree]), scoring.sigmoid(scores)
            mine = np.concatenate([np.bincount(leaf, each, size) for each in (p - rows.y, p * (1 - p))])
            sums = yield Ask(f"tree {tree + 1}", mine, _bound(rows), sensitivity=sensitivity)
            # 3. A step against the slope, shorter where noise is more than rows.
            value[tree] = settled(-self.rate * sums[:size] / (np.maximum(sums[size:], 0) + calm))
            scores += value[tree][leaf]
        return Trained("gbdt", Forest(0.0, feature, edge, value).arrays, self.trees)

    def _splits(self, below: Floats, seed: int, tree: int) -> tuple[Integers, Floats]:
        """Any column is as likely as another, any rank of a row in it, too."""
        inner = (1 << self.depth) - 1
        draws = uniform(2 * inner, "splits", seed, tree)
        column = (draws[:inner] * len(below)).astype(np.int64)
        cell = np.array([np.searchsorted(below[c], rank) for c, rank in zip(column, draws[inner:], strict=True)])
        return column, -1 + 2 * (np.minimum(cell, CELLS - 2) + 1) / CELLS


def _below(rows: Prepared) -> Steps[Floats]:
    """(columns, CELLS) about what part of the rows is in a cell or below."""
    columns = rows.x.shape[1]
    cells = np.clip((rows.x + 1) * (CELLS / 2), 0, CELLS - 1).astype(np.int64)
    mine = [np.bincount(cells[:, column], minlength=CELLS) for column in range(columns)]
    values = np.concatenate(mine).astype(np.float64)
    sums = yield Ask("cells", values, _bound(rows), sensitivity=float(np.sqrt(columns)))
    running = np.cumsum(np.maximum(sums, 0).reshape(columns, CELLS), axis=1)
    below: Floats = running / np.maximum(running[:, -1:], 1)
    return below


def _bound(rows: Prepared) -> float:
    return 2 * rows.scaling.rows + 1000  # rows are a noisy number
