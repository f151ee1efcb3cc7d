"""Boosting: gradient-boosted trees from summed histograms of gradients, a level of a tree at a time.

A column's values are sorted into bins with about as many rows each.  For every node, column and bin the parties add up
first and second derivatives of the log-loss; the best split follows from the sums, the same for all.  With noise trees
are grown in another way (`steelyard.learning.drawn`).  Reference: T. Chen, C. Guestrin, KDD 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from steelyard.learning import scoring, tree_kernels
from steelyard.learning.asking import Ask, Floats, Steps
from steelyard.learning.scaling import Prepared
from steelyard.learning.strategy import Place, Trained, settled

FINE: Final = 1024  # cells of a column from which the bins are made
_REPORTED: Final = 10  # trees from one look at the test rows to the next
_STEEP: Final = 0.25  # the second derivative of the log-loss is at most this

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Forest:
    """Complete trees: rows go left where z[feature] <= edge.  (trees, 2^depth - 1) splits, (trees, 2^depth) values."""

    base: float
    feature: Integers = field(repr=False)
    edge: Floats = field(repr=False)
    value: Floats = field(repr=False)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(float(arrays["base"]), arrays["feature"], arrays["edge"], arrays["value"])

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"base": np.array(self.base), "feature": self.feature, "edge": self.edge, "value": self.value}

    def scores(self, z: Floats) -> Floats:
        scores = np.full(len(z), self.base)
        for feature, edge, value in zip(self.feature, self.edge, self.value, strict=True):
            scores += value[leaves(z, feature, edge)]
        return scores


def leaves(z: Floats, feature: Integers, edge: Floats) -> Integers:
    """(rows,) the number of the leaf, from the left."""
    node, rows = np.zeros(len(z), dtype=np.int64), np.arange(len(z))
    while len(edge) and (node < len(edge)).any():
        node = 2 * node + 1 + (z[rows, feature[node]] > edge[node])
    return node - len(edge)


@dataclass(frozen=True, slots=True)
class Boosting:
    trees: int = 50
    depth: int = 4
    bins: int = 32
    rate: float = 0.1
    l2: float = 1.0
    least: float = 1.0  # of second derivatives on either side of a split
    patience: int = 0  # looks at the test rows without progress

    @property
    def releases(self) -> int:
        return self.trees * self.depth

    def longest(self, columns: int) -> int:
        return max((1 << (self.depth - 1)) * columns * self.bins * 2, columns * FINE + 2, 2 * scoring.CELLS + 1)

    def steps(self, rows: Prepared, place: Place) -> Steps[Trained]:
        columns = rows.x.shape[1]
        edges, base = yield from _edges(rows, self.bins)
        places = [np.searchsorted(edges[c], rows.x[:, c], side="left").astype(np.uint8) for c in range(columns)]
        binned = np.ascontiguousarray(np.stack(places, axis=1))
        forest = Forest(base, *_empty(self.trees, self.depth))
        calm = replace(self, least=max(self.least, _STEEP * place.minimum_rows))  # so many rows on either side
        scores, test_scores = np.full(len(rows.x), base), np.full(len(rows.test_x), base)
        best, kept, worse, history = np.inf, 0, 0, list[dict[str, Any]]()
        for tree in range(self.trees):
            p = scoring.sigmoid(scores)
            slope, bend = p - rows.y, p * (1 - p)
            leaf = yield from calm._grow(forest, tree, edges, binned, rows, slope, bend)
            feature, edge, value = forest.feature[tree], forest.edge[tree], forest.value[tree]
            scores += value[leaf]
            test_scores += value[leaves(rows.test_x, feature, edge)]
            if (tree + 1) % _REPORTED == 0:
                found = yield from scoring.look(f"test {tree + 1}", test_scores, rows.test_y)
                history.append({"round": tree + 1, "loss": round(found.loss, 6), "auc": round(found.auc, 6)})
                worse = 0 if found.loss < best else worse + 1
                best, kept = (found.loss, tree + 1) if worse == 0 else (best, kept)
                if self.patience and worse >= self.patience:
                    break
        made = kept if self.patience and kept else tree + 1
        found_forest = Forest(base, forest.feature[:made], forest.edge[:made], forest.value[:made])
        return Trained("gbdt", found_forest.arrays, made, tuple(history))

    def _grow(
        self,
        forest: Forest,
        tree: int,
        edges: Floats,
        binned: NDArray[np.uint8],
        rows: Prepared,
        slope: Floats,
        bend: Floats,
    ) -> Steps[Integers]:
        """One tree, level by level; `forest` is filled in place.  My rows' leaves."""
        node, columns = np.zeros(len(binned), dtype=np.int64), len(edges)
        bound = rows.scaling.rows
        for level in range(self.depth):
            # 1. Everybody's histograms of all nodes of this level.
            count, first = 1 << level, (1 << level) - 1
            mine = np.zeros((2, count, columns, self.bins))
            tree_kernels.count(node, binned, slope, bend, mine)
            sums = yield Ask(f"tree {tree + 1} level {level + 1}", mine.ravel(), bound)
            g, h = sums.reshape(mine.shape)
            # 2. The best split of each node.
            chosen, at, left, whole = self._splits(g, np.maximum(h, 0), edges)
            forest.feature[tree, first : first + count] = chosen
            forest.edge[tree, first : first + count] = np.where(at >= 0, edges[chosen, at], np.inf)
            # 3. Rows go to their side; after the last level the sides are leaves.
            tree_kernels.descend(node, binned, chosen, at)
        sides = np.stack([left, whole - left], axis=1).reshape(2 * count, 2)
        forest.value[tree] = settled(-self.rate * sides[:, 0] / (np.maximum(sides[:, 1], 0) + self.l2))
        return node

    def _splits(self, g: Floats, h: Floats, edges: Floats) -> tuple[Integers, Integers, Floats, Floats]:
        """Per node: column, bin of the edge (-1 for no split), and (G, H) of the left side and of both."""
        left_g, left_h = np.cumsum(g, axis=2)[..., :-1], np.cumsum(h, axis=2)[..., :-1]
        whole_g, whole_h = g[:, 0].sum(axis=1), h[:, 0].sum(axis=1)
        right_g, right_h = whole_g[:, None, None] - left_g, whole_h[:, None, None] - left_h
        gain = left_g**2 / (left_h + self.l2) + right_g**2 / (np.maximum(right_h, 0) + self.l2)
        gain -= (whole_g**2 / (whole_h + self.l2))[:, None, None]
        allowed = (left_h >= self.least) & (right_h >= self.least) & np.isfinite(edges)[None]
        flat = np.where(allowed, gain, -np.inf).reshape(len(g), -1)
        best, nodes = flat.argmax(axis=1), np.arange(len(g))
        split = flat[nodes, best] > 1e-9
        column, at = np.divmod(best, self.bins - 1)
        lefts = np.stack([left_g[nodes, column, at], left_h[nodes, column, at]], axis=1)
        whole = np.stack([whole_g, whole_h], axis=1)
        return column, np.where(split, at, -1), np.where(split[:, None], lefts, whole), whole


def _empty(trees: int, depth: int) -> tuple[Integers, Floats, Floats]:
    inner = 2**depth - 1
    return np.zeros((trees, inner), dtype=np.int64), np.full((trees, inner), np.inf), np.zeros((trees, inner + 1))


def _edges(rows: Prepared, bins: int) -> Steps[tuple[Floats, float]]:
    """(columns, bins - 1) edges with about as many rows between them, infinite beyond the last; and the base score.

    Values are counted in fine cells of an arctangent of their distance from the mean in mean deviations, which has
    room for any value and is finest where the rows are.
    """
    stretch, columns = rows.scaling.width / rows.scaling.deviation, rows.x.shape[1]
    stretch = np.where(np.isfinite(stretch), stretch, 1.0)
    fine = np.clip(((np.arctan(rows.x * stretch) / np.pi + 0.5) * FINE).astype(np.int64), 0, FINE - 1)
    counts = [np.bincount(fine[:, column], minlength=FINE) for column in range(columns)]
    mine = np.concatenate([[len(rows.y), rows.y.sum()], *counts]).astype(np.float64)
    sums = np.rint((yield Ask("bins", mine, rows.scaling.rows)))
    below = np.cumsum(sums[2:].reshape(columns, FINE), axis=1)
    edges = np.full((columns, bins - 1), np.inf)
    for column in range(columns):
        wanted = np.arange(1, bins) / bins * below[column, -1]
        cells = np.unique(np.searchsorted(below[column], wanted, side="left"))
        cells = cells[below[column, cells] < below[column, -1]]
        edges[column, : len(cells)] = np.tan(((cells + 1) / FINE - 0.5) * np.pi) / stretch[column]
    rate = (sums[1] + 0.5) / (sums[0] + 1)
    return edges, float(np.log(rate / (1 - rate)))
