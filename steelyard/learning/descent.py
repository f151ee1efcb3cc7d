"""Descent: gradient descent on the sum of all rows' gradients, each cut to a norm, so that noise protects every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from steelyard.learning import scoring
from steelyard.learning.asking import Ask, Steps
from steelyard.learning.network import Network
from steelyard.learning.scaling import Prepared
from steelyard.learning.strategy import Best, Place, Trained, settled

_MOMENTUM: Final = 0.9


@dataclass(frozen=True, slots=True)
class Descent:
    """`clip` is the most that one row moves the sum."""

    rounds: int = 30
    hidden: int = 0
    rate: float = 0.5
    l2: float = 1e-4
    clip: float = 1.0
    patience: int = 0

    @property
    def releases(self) -> int:
        return self.rounds

    def longest(self, columns: int) -> int:
        return max(Network(columns, self.hidden).size, 2 * scoring.CELLS + 1)

    def steps(self, rows: Prepared, place: Place) -> Steps[Trained]:
        network = Network(rows.x.shape[1], self.hidden)
        weights, speed = network.first(place.seed), np.zeros(network.size)
        best = Best(self.patience, weights)
        for round_ in range(1, self.rounds + 1):
            # 1. Everybody's gradient, at the same weights.
            mine = network.gradient(weights, rows.x, rows.y, self.clip)
            bound = self.clip * (2 * rows.scaling.rows + 1000)  # rows may be a noisy number
            sums = yield Ask(f"gradient {round_}", mine, bound, sensitivity=self.clip)
            # 2. A step with momentum.
            gradient = sums / rows.scaling.rows + self.l2 * network.penalised * weights
            speed = _MOMENTUM * speed - self.rate * gradient
            weights = settled(weights + speed)
            # 3. How good is it?  Not asked with noise: every answer would cost.
            if not place.noisy:
                scores = network.scores(weights, rows.test_x)
                found = yield from scoring.look(f"test {round_}", scores, rows.test_y)
                if best.note(round_, weights, found.loss, found.auc):
                    break
        chosen = weights if place.noisy else best.weights
        arrays = {"weights": chosen, "hidden": np.array(self.hidden)}
        return Trained("mlp" if self.hidden else "linear", arrays, round_, tuple(best.history))
