"""`Network`: log-odds from standardised columns, linear or with one hidden layer; all weights are one flat vector.

Gradients are written out by hand.  The norm of one row's gradient needs no gradient of its own: it is the product of
what arrives at a layer and what comes back (I. Goodfellow, arXiv:1510.01799), so clipping row by row costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.learning.asking import Floats
from steelyard.learning.records import normal
from steelyard.learning.scoring import sigmoid


@dataclass(frozen=True, slots=True)
class Network:
    """`columns` in; `hidden` units with tanh, or none for a linear model."""

    columns: int
    hidden: int = 0

    @property
    def size(self) -> int:
        if not self.hidden:
            return self.columns + 1
        return self.hidden * (self.columns + 1) + self.hidden + 1

    def first(self, seed: int) -> Floats:
        """Zeros for a linear model; for the other, the same random weights everywhere."""
        weights = np.zeros(self.size)
        if self.hidden:
            inner = self.hidden * self.columns
            weights[:inner] = normal(inner, "weights", seed) / np.sqrt(max(self.columns, 1))
            out = slice(inner + self.hidden, inner + 2 * self.hidden)
            weights[out] = normal(self.hidden, "weights", seed, 1) / np.sqrt(self.hidden)
        return weights

    @property
    def penalised(self) -> Floats:
        """(size,) 1 for weights, 0 for intercepts."""
        marks = np.ones(self.size)
        if self.hidden:
            marks[self.hidden * self.columns : self.hidden * (self.columns + 1)] = 0
        marks[-1] = 0
        return marks

    def scores(self, weights: Floats, x: Floats) -> Floats:
        scores: Floats
        if not self.hidden:
            scores = x @ weights[:-1] + weights[-1]
        else:
            inner, bias, outer = self._parts(weights)
            scores = np.tanh(x @ inner.T + bias) @ outer + weights[-1]
        return scores

    def gradient(self, weights: Floats, x: Floats, y: Floats, clip: float = 0.0) -> Floats:
        """(size,) sum over rows of the gradient of the log-loss, each row's cut to the norm `clip` if there is one."""
        if not self.hidden:
            residual = sigmoid(x @ weights[:-1] + weights[-1]) - y
            if clip:
                residual *= _factor(np.abs(residual) * np.sqrt((x * x).sum(axis=1) + 1), clip)
            return np.append(residual @ x, residual.sum())
        inner, bias, outer = self._parts(weights)
        activation = np.tanh(x @ inner.T + bias)
        residual = sigmoid(activation @ outer + weights[-1]) - y
        back = residual[:, None] * outer * (1 - activation**2)
        if clip:
            inputs, units = (x * x).sum(axis=1) + 1, (activation * activation).sum(axis=1) + 1
            factor = _factor(np.sqrt(residual**2 * units + (back * back).sum(axis=1) * inputs), clip)
            residual, back = residual * factor, back * factor[:, None]
        return np.concatenate([(back.T @ x).ravel(), back.sum(axis=0), residual @ activation, [residual.sum()]])

    def _parts(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        split = self.hidden * self.columns
        inner = weights[:split].reshape(self.hidden, self.columns)
        return inner, weights[split : split + self.hidden], weights[split + self.hidden : -1]


def _factor(norms: Floats, clip: float) -> Floats:
    factor: Floats = np.minimum(1.0, clip / np.maximum(norms, 1e-300))
    return factor
