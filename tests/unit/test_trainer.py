"""Trainers of other libraries work in a process of their own: arrays in, arrays out, and killed when they are late."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

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


def test_a_trainer_that_is_not_installed_says_so() -> None:
    with TrainerProcess(["abacus"], 60) as trainer, pytest.raises(Invalid, match="installed"):
        trainer.train({"x": np.zeros(1)})


def test_what_a_library_complains_of_stays_with_the_party() -> None:
    """It may quote rows."""
    heard: list[str] = []
    with TrainerProcess(["scikit-learn"], 60) as trainer, pytest.raises(Failed) as failed:
        local_of(trainer, told=heard.append)(np.zeros(3), np.full((2, 2), np.nan), np.array([0.0, 1.0]), 1)
    assert "NaN" in heard[0]
    assert "NaN" not in failed.value.message


class Doubling:
    """A trainer of somebody else's package."""

    def train(self, arrays):  # type: ignore[no-untyped-def]
        print("what it prints is no answer")
        return {"weights": 2 * arrays["weights"]}


def test_an_owner_may_install_trainers_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A distribution with an entry point, as pip would have put it there."""
    (tmp_path / "doubling.py").write_text(inspect.getsource(Doubling))
    folder = tmp_path / "doubling-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: doubling\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[steelyard.trainers]\ndoubling = doubling:Doubling\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with TrainerProcess(["doubling"], 60) as trainer:
        weights = local_of(trainer)(np.array([1.0, 2.0]), np.zeros((1, 1)), np.zeros(1), 1)
    assert weights.tolist() == [2.0, 4.0]


def test_a_trainer_that_is_late_is_killed() -> None:
    with TrainerProcess(["scikit-learn"], 0.0) as trainer:
        with pytest.raises(TimedOut):
            trainer.train({"x": np.zeros((2, 2))})
        with pytest.raises(Failed):
            trainer.train({"x": np.zeros((2, 2))})


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
