"""Trainers from other libraries, run by `steelyard.learning.trainer` in a process of their own.

    scikit-learn    logistic regression from given weights on: for averaging (`local_of`)
    lightgbm        trees on top of given scores: a party's own correction of the common model; it stays with the party

Both need the extra `learn`: pip install 'steelyard[learn]'.  An owner may install others: a package with an entry point
in the group `steelyard.trainers` whose object, called without arguments, is a `Trainer`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Final

import numpy as np

from steelyard.errors import Failed, Invalid, NotFound
from steelyard.learning.asking import Floats
from steelyard.learning.averaging import Local
from steelyard.learning.trainer import Arrays, Trainer, TrainerProcess, serve

_EXTRA: Final = "install the extra `learn` at this party: pip install 'steelyard[learn]'"


class ScikitLearn:
    """In: x, y, weights (columns + 1, the intercept last), epochs, rate, l2.  Out: weights."""

    def train(self, arrays: Arrays) -> Arrays:
        try:
            from sklearn.linear_model import SGDClassifier
        except ImportError:
            raise NotFound(f"scikit-learn is not there: {_EXTRA}") from None
        weights = arrays["weights"]
        model = SGDClassifier(
            loss="log_loss",
            alpha=max(float(arrays["l2"]), 1e-12),
            learning_rate="constant",
            eta0=float(arrays["rate"]),
            random_state=int(arrays["seed"]),
            shuffle=True,
        )
        model.coef_, model.intercept_ = weights[None, :-1].copy(), weights[-1:].copy()
        model.classes_ = np.array([0.0, 1.0])
        for _ in range(int(arrays["epochs"])):
            model.partial_fit(arrays["x"], arrays["y"], classes=[0.0, 1.0])
        return {"weights": np.append(model.coef_[0], model.intercept_)}


class LightGbm:
    """In: x, y, scores, trees; or x and model.  Out: the model as bytes; or what it adds to the scores."""

    def train(self, arrays: Arrays) -> Arrays:
        try:
            import lightgbm
        except ImportError:
            raise NotFound(f"LightGBM is not there: {_EXTRA}") from None
        if "model" in arrays:
            booster = lightgbm.Booster(model_str=arrays["model"].tobytes().decode())
            return {"scores": np.asarray(booster.predict(arrays["x"], raw_score=True), dtype=np.float64)}
        options = {"objective": "binary", "verbose": -1, "deterministic": True, "num_threads": 1, "seed": 1}
        options |= {"learning_rate": 0.05, "num_leaves": 8, "boost_from_average": False}
        rows = lightgbm.Dataset(arrays["x"], arrays["y"], init_score=arrays["scores"])
        booster = lightgbm.train(options, rows, num_boost_round=int(arrays["trees"]))
        return {"model": np.frombuffer(booster.model_to_string().encode(), dtype=np.uint8)}


TRAINERS: Final[dict[str, type[Trainer]]] = {"scikit-learn": ScikitLearn, "lightgbm": LightGbm}
LOCAL_RATE: Final = 0.05
GROUP: Final = "steelyard.trainers"


def local_of(
    process: TrainerProcess,
    epochs: int = 2,
    rate: float = LOCAL_RATE,
    l2: float = 1e-4,
    told: Callable[[str], object] = lambda complaint: None,
) -> Local:
    """A party's training for `Averaging`, done by a trainer in that process.  Linear models only.

    `told` hears what a library complains of: it may quote rows, so no error says it to others.
    """

    def local(weights: Floats, x: Floats, y: Floats, round_: int) -> Floats:
        options = {"epochs": np.array(epochs), "rate": np.array(rate), "l2": np.array(l2), "seed": np.array(round_)}
        try:
            after: Any = process.train({"x": x, "y": y, "weights": weights, **options}).get("weights")
        except Invalid as complaint:
            told(complaint.message)
            raise Failed("this party's own trainer has failed: its node's log says why") from None
        if after is None or after.shape != weights.shape or not np.isfinite(after).all():
            raise Failed("the trainer gave back no weights of the shape it was given")
        found: Floats = after.astype(np.float64)
        return found

    return local


class Missing:
    """In place of a trainer that is not installed: it says so."""

    def train(self, arrays: Arrays) -> Arrays:
        raise NotFound("no trainer of this name is installed at this party")


def trainer_of(name: str) -> Trainer:
    """By the name that the owner's policy lists."""
    if name in TRAINERS:
        return TRAINERS[name]()
    found = entry_points(group=GROUP, name=name)
    return next((each.load()() for each in found), Missing())


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        return 2
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what a library prints is no answer
    serve(trainer_of(arguments[0]), sys.stdin.buffer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
