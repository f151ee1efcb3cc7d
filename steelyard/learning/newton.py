"""Newton: logistic regression by exact federated Newton steps; after a few rounds it is the pooled fit.

Each round adds up gradient, Hessian and loss.  Steps that make the loss worse are halved.  The objective is the
log-loss plus l2/2 times the squared weights without the intercept, as scikit-learn's with C = 1/l2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from steelyard.learning import scoring
from steelyard.learning.asking import Ask, Floats, Steps
from steelyard.learning.network import Network
from steelyard.learning.scaling import Prepared
from steelyard.learning.strategy import Best, Place, Trained, settled

_STILL: Final = 1e-7  # a step so small is the end
_HALVINGS: Final = 6
_WORST: Final = 40.0  # of a row's loss, see scoring


@dataclass(frozen=True, slots=True)
class Newton:
    rounds: int = 10
    l2: float = 1.0

    @property
    def releases(self) -> int:
        return self.rounds

    def longest(self, columns: int) -> int:
        size = columns + 1
        return 1 + size + size * (size + 1) // 2

    def steps(self, rows: Prepared, place: Place) -> Steps[Trained]:
        network = Network(rows.x.shape[1])
        weights = step = network.first(place.seed)
        best, halvings = Best(0, weights), 0
        last, made = float("inf"), 0
        for round_ in range(1, self.rounds + 1):
            # 1. Everybody's loss, gradient and Hessian at the same weights.
            bound = _WORST * (rows.scaling.rows + 1)
            sums = yield Ask(f"newton {round_}", _moments(rows, weights), bound)
            loss = sums[0] + self.l2 / 2 * float((network.penalised * weights) @ weights)
            # 2. A step too far is taken back by half.
            if loss > last * (1 + 1e-12) and halvings < _HALVINGS:
                halvings, step = halvings + 1, step / 2
                weights = settled(weights - step)
                continue
            last, halvings, made = loss, 0, round_
            best.history.append({"round": round_, "training_loss": round(float(sums[0]) / rows.scaling.rows, 6)})
            # 3. The next one.
            step = self._step(network, weights, sums)
            if np.abs(step).max() < _STILL:
                break
            weights = settled(weights + step)
        arrays = {"weights": weights, "hidden": np.array(0)}
        return Trained("linear", arrays, made, tuple(best.history))

    def _step(self, network: Network, weights: Floats, sums: Floats) -> Floats:
        size, penalty = network.size, self.l2 * network.penalised
        gradient = sums[1 : size + 1] + penalty * weights
        hessian = np.zeros((size, size))
        upper = np.triu_indices(size)
        hessian[upper] = sums[size + 1 :]
        hessian.T[upper] = sums[size + 1 :]
        hessian += np.diag(penalty + 1e-9)
        return np.asarray(-np.linalg.solve(hessian, gradient), dtype=np.float64)


def _moments(rows: Prepared, weights: Floats) -> Floats:
    x = np.concatenate([rows.x, np.ones((len(rows.x), 1))], axis=1)
    scores = x @ weights
    p = scoring.sigmoid(scores)
    hessian = (x * (p * (1 - p))[:, None]).T @ x
    parts = [[scoring.loss(scores, rows.y).sum()], (p - rows.y) @ x, hessian[np.triu_indices(len(weights))]]
    return np.concatenate(parts)
