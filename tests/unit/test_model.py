"""A model is a file: the same bytes for the same model, read without running anything, and its card says what it is."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from steelyard.errors import Invalid
from steelyard.learning.model import Card, Model, read_model
from steelyard.learning.records import Feature


def model(**arrays: np.ndarray) -> Model:
    features = (Feature("size"), Feature("sector", ("trade", "building")))
    card = Card(
        name="credit",
        kind="linear",
        strategy="newton",
        dataset="credit",
        target="default",
        features=features,
        rounds=3,
        rows=1000,
        parties=("bank-a", "bank-b", "bank-c"),
        quality={"auc": 0.8},
    )
    plain = {"centre": np.zeros(3), "width": np.array([1.0, 2.0, np.inf]), "hidden": np.array(0)}
    return Model(card, {**plain, "weights": np.array([1.0, -1.0, 5.0, 0.5]), **arrays})


def test_a_model_comes_back_from_its_bytes_and_has_one_hash() -> None:
    data = model().encode()
    back = read_model(data)
    assert back.card == model().card
    assert back.encode() == data
    assert back.digest == model().digest
    assert back.digest != model(weights=np.zeros(4)).digest
    raw = np.array([[1.0, 2.0, 1e9], [0.0, 0.0, 0.0]])
    assert back.predict(raw) == pytest.approx([1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(-0.5))])


def test_the_card_is_readable_without_this_program() -> None:
    with zipfile.ZipFile(io.BytesIO(model().encode())) as archive, archive.open("card.npy") as member:
        card = json.loads(np.lib.format.read_array(member, allow_pickle=False).tobytes())
    assert card["features"][1] == {"name": "sector", "groups": ["trade", "building"], "low": 0.0, "high": 0.0}
    assert card["parties"] == ["bank-a", "bank-b", "bank-c"]


def pickled() -> bytes:
    out = io.BytesIO()
    np.savez(out, card=np.array([{"a": 1}], dtype=object))
    return out.getvalue()


@pytest.mark.parametrize("data", [b"", b"PK", model().encode()[:200], pickled()], ids=["empty", "zip", "cut", "pickle"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_model(data)
