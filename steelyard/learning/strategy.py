"""`Strategy`: one way to train, the same at all parties; `Place`: which of them runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from steelyard.learning.asking import Floats, Steps
from steelyard.learning.records import uniform
from steelyard.learning.scaling import Prepared

LEAST_SAMPLE: Final = 3  # parties of a sampled round: fewer would be seen through
_GRID: Final = 2.0**32


@dataclass(frozen=True, slots=True)
class Place:
    """This party is number `me` of `parties` that contribute; `seed` is the request's.

    `noise` is the deviation of what is added to a sum of sensitivity 1; 0 for exact sums.  `minimum_rows` is over how
    many rows figures about a part of them must be.
    """

    me: int
    parties: int
    seed: int
    noise: float = 0.0
    minimum_rows: int = 0

    @property
    def noisy(self) -> bool:
        return self.noise > 0

    def sampled(self, fraction: float, round_: int) -> bool:
        """Whether this party's update counts in the round: anybody can work it out from the signed request."""
        wanted = max(LEAST_SAMPLE, ceil(fraction * self.parties))
        draws = uniform(self.parties, "sample", self.seed, round_)
        return self.me in np.argsort(draws, kind="stable")[:wanted].tolist()


@dataclass(frozen=True, slots=True)
class Trained:
    """`arrays` are the model's, the same at all parties; `personal` are this party's own and leave it never, like how
    many of its updates were `cut` to size.
    """

    kind: str
    arrays: Mapping[str, NDArray[Any]] = field(repr=False)
    rounds: int
    history: tuple[dict[str, Any], ...] = ()
    personal: Mapping[str, NDArray[Any]] | None = field(default=None, repr=False)
    cut: int = 0


class Strategy(Interface):
    """`releases` is how many of its sums go out at most, with those of preparation and final scoring left out."""

    @property
    def releases(self) -> int: ...

    def longest(self, columns: int) -> int:
        """Values of its longest ask."""

    def steps(self, rows: Prepared, place: Place) -> Steps[Trained]: ...


def settled(weights: Floats) -> Floats:
    """Rounded to 32 bits behind the point, so that parties with other processors hold the same bits."""
    rounded: Floats = np.rint(weights * _GRID) / _GRID
    return rounded


@dataclass(slots=True)
class Best:
    """Early stopping: the weights with the least loss so far, and whether to go on.  `patience` 0 goes on always."""

    patience: int
    weights: Floats = field(repr=False)
    loss: float = np.inf
    worse: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def note(self, round_: int, weights: Floats, loss: float, auc: float) -> bool:
        """Whether to stop."""
        self.history.append({"round": round_, "loss": round(loss, 6), "auc": round(auc, 6)})
        if loss < self.loss or not self.patience:
            self.weights, self.loss, self.worse = weights, loss, 0
        else:
            self.worse += 1
        return bool(self.patience) and self.worse >= self.patience
