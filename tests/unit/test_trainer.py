"""Trainers of other libraries work in a process of their own: arrays in, arrays out, and killed when they are late."""

from __future__ import annotations

import numpy as np
import pytest

from steelyard.errors import Failed, Invalid, Malformed, TimedOut
from steelyard.learning import scoring
from steelyard.learning.adapters import local_of
from steelyard.learning.asking import together
from steelyard.learning.averaging import Averaging
from steelyard.learning.records import Feature, normal, records, uniform
from steelyard.learning.scaling import standardised
from steelyard.learning.strategy import Place
from steelyard.learning.trainer import TrainerProcess, packed, unpacked


def table(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    x = normal(3 * rows, "x", seed).reshape(rows, 3)
    y = (uniform(rows, "y", seed) < scoring.sigmoid(x @ np.array([1.5, -1.0, 0.0]) - 0.5)).astype(np.float64)
    return x, y


def test_scikit_learn_trains_in_a_process_of_its_own_and_its_updates_are_averaged() -> None:
    def steps(party: int, process: TrainerProcess):  # type: ignore[no-untyped-def]
        x, y = table(300, party)
        features = [Feature(f"x{i}") for i in range(3)]
        rows = yield from standardised(records(features, {f"x{i}": x[:, i] for i in range(3)}, y, 0.3, party))
        return (yield from Averaging(rounds=4, local=local_of(process)).steps(rows, Place(party, 3, 1)))

    processes = [TrainerProcess(["scikit-learn"], 60) for _ in range(3)]
    try:
        outcome = together([steps(party, process) for party, process in enumerate(processes)])
    finally:
        for each in processes:
            each.close()
    assert outcome[0].history[-1]["auc"] > 0.8
    assert np.array_equal(outcome[0].arrays["weights"], outcome[2].arrays["weights"])


def test_lightgbm_corrects_the_common_scores_for_one_party() -> None:
    x, y = table(600, 1)
    y = np.where(x[:, 2] > 1, 1.0, y)  # this party is different
    common = x @ np.array([1.5, -1.0, 0.0]) - 0.5
    with TrainerProcess(["lightgbm"], 60) as trainer:
        model = trainer.train({"x": x[:400], "y": y[:400], "scores": common[:400], "trees": np.array(30)})["model"]
        added = trainer.train({"x": x[400:], "model": model})["scores"]
    assert model.dtype == np.uint8
    assert scoring.auc(common[400:] + added, y[400:]) > scoring.auc(common[400:], y[400:]) + 0.01


def test_a_trainer_that_is_late_is_killed() -> None:
    with TrainerProcess(["scikit-learn"], 0.0) as trainer:
        with pytest.raises(TimedOut):
            trainer.train({"x": np.zeros((2, 2))})
        with pytest.raises(Failed):
            trainer.train({"x": np.zeros((2, 2))})


def test_a_trainer_that_does_not_exist_is_named_as_ended() -> None:
    with TrainerProcess(["no-such-library"], 30) as trainer, pytest.raises(Failed):
        trainer.train({"x": np.zeros(1000)})


def test_what_a_library_raises_is_told() -> None:
    with TrainerProcess(["lightgbm"], 60) as trainer, pytest.raises(Invalid, match="KeyError"):
        trainer.train({"x": np.zeros((2, 2))})


def test_arrays_travel_without_pickles() -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(7), "c": np.zeros((0, 4), dtype=np.uint8)}
    back = unpacked(packed(arrays))
    assert all(np.array_equal(back[name], array) and back[name].shape == array.shape for name, array in arrays.items())
    with pytest.raises(Invalid):
        packed({"o": np.array([object()])})
    for cut in (9, 20, -1):
        with pytest.raises(Malformed):
            unpacked(packed(arrays)[:cut])
