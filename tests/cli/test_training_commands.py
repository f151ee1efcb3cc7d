"""`predict` says what the model says; `train` learns from what all owners describe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clients.cli.__main__ import run
from clients.cli.train import _limits
from clients.sdk.results import Column, Dataset, Party
from clients.sdk.training import features
from steelyard.errors import Invalid, NotFound
from steelyard.learning.model import Card, Model
from steelyard.learning.records import Feature

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "credit"
COLUMNS = (
    Column(name="firm", type="text", decimals=0, groups=()),
    Column(name="sector", type="text", decimals=0, groups=("trade", "building")),
    Column(name="leverage", type="decimal", decimals=4, groups=()),
    Column(name="default", type="integer", decimals=0, groups=()),
)


def party(name: str, columns: tuple[Column, ...] = COLUMNS) -> Party:
    return Party(
        id=name,
        reachable=True,
        seen_ms=0,
        version="",
        certificate_days=1,
        manifest="",
        problem="",
        datasets=(Dataset(name="credit", columns=columns),),
    )


def test_features_are_what_all_describe_alike() -> None:
    both = [party("bank-a"), party("bank-b")]
    found = features(both, "credit", "default", limits={"leverage": (0, 2)})
    assert [each["name"] for each in found] == ["sector", "leverage"]
    assert found[1] == {"name": "leverage", "low": 0, "high": 2}
    assert [each["name"] for each in features(both, "credit", "default", ["leverage"])] == ["leverage"]
    with pytest.raises(NotFound):
        features(both, "loans", "default")
    with pytest.raises(NotFound):
        features(both, "credit", "defaulted")
    with pytest.raises(Invalid):
        features(both, "credit", "default", ["firm"])
    for strange in ("leverge", "sector"):
        with pytest.raises(Invalid, match="no number"):
            features(both, "credit", "default", limits={strange: (0, 2)})
    with pytest.raises(Invalid):
        features([party("bank-a"), party("bank-b", COLUMNS[1:])], "credit", "default")


def test_limits_are_read_or_refused() -> None:
    assert _limits("age=18:90, ratio=-1:2.5") == {"age": (18, 90), "ratio": (-1, 2.5)}
    with pytest.raises(Invalid):
        _limits("age=18")


def test_predict_reads_model_and_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sectors = ("trade", "building", "transport", "services", "manufacturing")
    card = Card(
        name="credit", kind="linear", strategy="newton", dataset="credit", target="default", rounds=1, rows=100,
        features=(Feature("sector", sectors), Feature("leverage")), parties=(), quality={},
    )  # fmt: skip
    arrays = {"centre": np.zeros(6), "width": np.ones(6), "hidden": np.array(0)}
    file = tmp_path / "credit.npz"
    file.write_bytes(Model(card, {**arrays, "weights": np.array([0, 0, 0, 0, 0, 1.0, 0])}).encode())
    table, schema = EXAMPLES / "bank-a" / "credit.csv", EXAMPLES / "credit.schema.toml"
    code = run(["predict", "--model", str(file), "--data", str(table), "--schema", str(schema), "--json"])
    assert code == 0
    shown = json.loads(capsys.readouterr().out)
    first = float(table.read_text().splitlines()[1].split(",")[3])
    assert shown["rows"][0]["probability"] == pytest.approx(1 / (1 + np.exp(-first)), abs=1e-5)
    assert len(shown["rows"]) == 420
    assert run(["predict", "--model", str(table), "--data", str(table)]) == 2
    assert run(["predict", "--model", str(tmp_path / "none"), "--data", str(table)]) == 2
