"""Averaging: parties train on their own rows for a while, their updates are averaged (FedAvg and what grew from it).

    FedAvg   H. B. McMahan et al., AISTATS 2017
    FedProx  local training is drawn back to the common weights       T. Li et al., MLSys 2020
    FedAdam  the average goes through Adam                            S. Reddi et al., ICLR 2021
    Ditto    beside it, each party trains weights of its own, drawn to the common ones; T. Li et al., ICML 2021

With noise it protects parties: an update's norm is cut to `clip` (the party counts how often: `Trained.cut`), and all
weigh the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from steelyard.learning import scoring
from steelyard.learning.asking import Ask, Floats, Steps
from steelyard.learning.network import Network
from steelyard.learning.records import uniform
from steelyard.learning.scaling import Prepared
from steelyard.learning.strategy import Best, Place, Trained, settled

BOUND: Final = 1024.0  # of a weight's change in a round; beyond it training is refused, never cut
_RATE: Final = 0.1  # at most, where none is given
_TRAVEL: Final = 3.0  # rate times steps of a round
Local = Callable[[Floats, Floats, Floats, int], Floats]  # weights, x, y, round -> weights


@dataclass(frozen=True, slots=True)
class Averaging:
    """`proximal` > 0 makes it FedProx; `server` adam makes it FedAdam; `ditto` > 0 adds personal weights.

    `rate` 0 chooses one: the more steps a party of usual size makes in a round, the shorter they are, lest each party's
    weights run after its own rows.  `local` replaces the training of a party by something else, such as a trainer in a
    process of its own.
    """

    rounds: int = 30
    hidden: int = 0
    epochs: int = 2
    batch: int = 64
    rate: float = 0.0
    l2: float = 1e-4
    proximal: float = 0.0
    server: Literal["average", "adam"] = "average"
    server_rate: float = 0.05
    ditto: float = 0.0
    clip: float = 1.0
    sample: float = 1.0
    patience: int = 0
    local: Local | None = field(default=None, repr=False)

    @property
    def releases(self) -> int:
        return self.rounds

    def longest(self, columns: int) -> int:
        return max(Network(columns, self.hidden).size + 1, 2 * scoring.CELLS + 1)

    def steps(self, rows: Prepared, place: Place) -> Steps[Trained]:
        return replace(self, rate=self._rate(rows, place))._steps(rows, place)

    def _steps(self, rows: Prepared, place: Place) -> Steps[Trained]:
        network = Network(rows.x.shape[1], self.hidden)
        weights = personal = network.first(place.seed)
        server, best, cut = _Server(self, network.size), Best(self.patience, weights), 0
        for round_ in range(1, self.rounds + 1):
            # 1. Train on my rows; say by how much the weights have changed.
            change, weight = np.zeros(network.size), 0.0
            if len(rows.x) and place.sampled(self.sample, round_):
                change = self._trained(network, weights, rows, place, round_) - weights
                weight = 1.0 if place.noisy else len(rows.x) / rows.scaling.rows
            # 2. The average of the changes.
            if place.noisy:
                norm = float(np.linalg.norm(change))
                cut += norm > self.clip
                mine = change * min(1.0, self.clip / max(norm, 1e-300))
                sums = yield Ask(f"update {round_}", mine, self.clip, sensitivity=self.clip)
                average = sums / place.parties
            else:
                sums = yield Ask(f"update {round_}", np.append(weight * change, weight), BOUND)
                average = sums[:-1] / max(sums[-1], 2.0**-30)
            weights = settled(server.step(weights, average))
            # 3. My own weights, if there are to be any.
            if self.ditto and len(rows.x):
                personal = self._local(network, personal, weights, self.ditto, rows, (place.seed, place.me, round_, 1))
            # 4. How good is it, on the rows kept back?
            if not place.noisy:
                scores = network.scores(weights, rows.test_x)
                found = yield from scoring.look(f"test {round_}", scores, rows.test_y)
                if best.note(round_, weights, found.loss, found.auc):
                    break
        chosen = weights if place.noisy else best.weights
        kind, hidden = ("mlp" if self.hidden else "linear"), np.array(self.hidden)
        own = {"weights": personal, "hidden": hidden} if self.ditto else None
        return Trained(kind, {"weights": chosen, "hidden": hidden}, round_, tuple(best.history), own, cut)

    def _trained(self, network: Network, weights: Floats, rows: Prepared, place: Place, round_: int) -> Floats:
        if self.local is not None:
            return self.local(weights, rows.x, rows.y, round_)
        return self._local(network, weights, weights, self.proximal, rows, (place.seed, place.me, round_))

    def _rate(self, rows: Prepared, place: Place) -> float:
        """From public numbers, so the same for all."""
        steps = self.epochs * max(rows.scaling.rows / max(place.parties, 1) / self.batch, 1.0)
        return self.rate or min(_RATE, _TRAVEL / steps)

    def _local(
        self, network: Network, weights: Floats, anchor: Floats, pull: float, rows: Prepared, draw: tuple[int, ...]
    ) -> Floats:
        """Stochastic gradient descent on my rows, drawn to `anchor`."""
        for epoch in range(self.epochs):
            order = np.argsort(uniform(len(rows.x), "order", *draw, epoch), kind="stable")
            for start in range(0, len(order), self.batch):
                some = order[start : start + self.batch]
                gradient = network.gradient(weights, rows.x[some], rows.y[some]) / len(some)
                gradient += self.l2 * network.penalised * weights + pull * (weights - anchor)
                weights = weights - self.rate * gradient
        return weights


@dataclass(slots=True)
class _Server:
    """What is done with the average: every party does it for itself, alike."""

    options: Averaging
    size: int
    first: Floats = field(init=False, repr=False)
    second: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.first, self.second = np.zeros(self.size), np.zeros(self.size)

    def step(self, weights: Floats, average: Floats) -> Floats:
        if self.options.server == "average":
            return weights + average
        self.first = 0.9 * self.first + 0.1 * average
        self.second = 0.99 * self.second + 0.01 * average**2
        moved: Floats = weights + self.options.server_rate * self.first / (np.sqrt(self.second) + 1e-3)
        return moved
