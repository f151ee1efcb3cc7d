"""Scores and what they are worth: AUC, Kolmogorov-Smirnov, calibration and loss from securely summed histograms.

A party counts its own test rows by score, those with and without a default apart; the counts of all parties together
give the curves.  Rows in one cell count as ties, half and half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from steelyard.learning.asking import Ask, Floats, Steps
from steelyard.learning.scaling import MAX_ROWS

CELLS: Final = 1024  # of the log-odds from -REACH to REACH
REACH: Final = 12.0
LOOK: Final = 128  # cells of the same reach, for looks while training goes on: many fine ones single rows out
FEW: Final = 32  # cells, from -NEAR to NEAR, where each gets noise
NEAR: Final = 4.0
CALIBRATION: Final = 10  # groups of rows of about the same size
_HUNDRED: Final = 100.0  # rows for each party, where parties count alike
_WORST: Final = 40.0  # of the loss of one row


@dataclass(frozen=True, slots=True)
class Quality:
    """Of predictions for all parties' test rows; `calibration` is (predicted, observed) from low to high scores."""

    rows: int
    defaults: int
    loss: float
    auc: float
    ks: float
    calibration: tuple[tuple[float, float], ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "defaults": self.defaults,
            "loss": round(self.loss, 6),
            "auc": round(self.auc, 6),
            "ks": round(self.ks, 6),
            "calibration": [[round(p, 4), round(o, 4)] for p, o in self.calibration],
        }


def sigmoid(scores: Floats) -> Floats:
    half: Floats = 0.5 * (1 + np.tanh(0.5 * scores))  # does not overflow
    return half


def loss(scores: Floats, y: Floats) -> Floats:
    """(rows,) log-loss; beyond 40 it counts as 40, which no sensible model reaches."""
    bounded = np.clip(scores, -2 * _WORST, 2 * _WORST)
    each: Floats = np.minimum(np.logaddexp(0, bounded) - y * bounded, _WORST)
    return each


def histograms(scores: Floats, y: Floats, count: int = CELLS, reach: float = REACH) -> Floats:
    """(2 * count,): rows without a default by score, then those with one."""
    cells = np.clip((scores + reach) * (count / (2 * reach)), 0, count - 1).astype(np.int64)
    return np.bincount(cells + count * (y > 0), minlength=2 * count).astype(np.float64)


def asked_of_parties(name: str, scores: Floats, y: Floats) -> Steps[Quality]:
    """As `asked` with noise, where every party counts alike: it changes the sum of shares by 1 at most, not by rows."""
    mine = histograms(scores, y, FEW, NEAR) / max(len(y), 1)
    sums = yield Ask(name, mine, 1.0, sensitivity=1.0)
    return quality(np.maximum(sums, 0) * _HUNDRED, None, NEAR)


def look(name: str, scores: Floats, y: Floats) -> Steps[Quality]:
    """As `asked`, while training goes on: in wider cells."""
    return (yield from asked(name, scores, y, cells=LOOK))


def asked(name: str, scores: Floats, y: Floats, noisy: bool = False, cells: int = CELLS) -> Steps[Quality]:
    """How good these scores of my test rows, and everybody's, are together.

    With noise the cells are few and the loss follows from them; for few rows the figures are mostly noise.
    """
    if noisy:
        sums = yield Ask(name, histograms(scores, y, FEW, NEAR), MAX_ROWS, sensitivity=1.0)
        return quality(np.maximum(sums, 0), None, NEAR)
    values = np.concatenate([[loss(scores, y).sum()], histograms(scores, y, cells)])
    sums = yield Ask(name, values, _WORST * MAX_ROWS, report=_reported)
    return quality(np.rint(sums[1:]), float(sums[0]))


def quality(counts: Floats, loss_sum: float | None, reach: float = REACH) -> Quality:
    """From the two summed histograms; without rows of both kinds the figures are those of no knowledge."""
    cells = counts.size // 2
    good, bad = counts[:cells], counts[cells:]
    goods, bads = float(good.sum()), float(bad.sum())
    rows = goods + bads
    middles = sigmoid(np.arange(cells, dtype=np.float64) * (2 * reach / cells) + (reach / cells - reach))
    if loss_sum is None:
        loss_sum = float(-(bad @ np.log(middles) + good @ np.log1p(-middles)))
    if goods <= 0 or bads <= 0:
        return Quality(round(rows), round(bads), loss_sum / max(rows, 1), 0.5, 0.0, ())
    below_good, below_bad = np.cumsum(good), np.cumsum(bad)
    auc = float(bad @ (below_good - good / 2)) / (goods * bads)
    ks = float(np.max(np.abs(below_good / goods - below_bad / bads)))
    return Quality(round(rows), round(bads), loss_sum / rows, auc, ks, _calibration(good, bad, middles))


def auc(scores: Floats, y: Floats) -> float:
    """The exact area under the curve of scores in one place, for comparison."""
    order = np.argsort(scores, kind="stable")
    _, first, counts = np.unique(scores[order], return_index=True, return_counts=True)
    ranks = np.empty(scores.size)
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    bads = float(y.sum())
    return float((ranks[y > 0].sum() - bads * (bads + 1) / 2) / (bads * (y.size - bads)))


def _calibration(good: Floats, bad: Floats, middles: Floats) -> tuple[tuple[float, float], ...]:
    both = good + bad
    group = np.minimum((np.cumsum(both) - both / 2) * (CALIBRATION / both.sum()), CALIBRATION - 1).astype(np.int64)
    rows = np.bincount(group, both, CALIBRATION)
    predicted, observed = np.bincount(group, both * middles, CALIBRATION), np.bincount(group, bad, CALIBRATION)
    return tuple((float(p / r), float(o / r)) for p, o, r in zip(predicted, observed, rows, strict=True) if r > 0)


def _reported(sums: Floats) -> dict[str, Any]:
    found = quality(np.rint(sums[1:]), float(sums[0]))
    return {"loss": found.loss, "auc": found.auc, "ks": found.ks}
