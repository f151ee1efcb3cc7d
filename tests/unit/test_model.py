"""A model is a file: the same bytes for the same model, read without running anything, and its card says what it is."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from msgspec.structs import replace

from steelyard.errors import Invalid
from steelyard.learning.model import Card, Model
from steelyard.learning.model_file import read_model
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


def packed_small() -> bytes:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.npy", bytes(100 << 20))
    return out.getvalue()


def claiming(shape: tuple[int, ...]) -> bytes:
    """An array that says it is larger than its bytes."""
    out, member = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("card.npy", member.getvalue() + bytes(8))
    return out.getvalue()


def forest(**arrays: np.ndarray) -> bytes:
    plain = {"base": np.array(0.0), "feature": np.zeros((1, 1), dtype=np.int64), "edge": np.zeros((1, 1))}
    scaling = {"centre": np.zeros(3), "width": np.ones(3)}
    card = replace(model().card, kind="gbdt")
    return Model(card, {**plain, "value": np.zeros((1, 2)), **scaling, **arrays}).encode()


def test_a_forest_comes_back_from_its_bytes() -> None:
    assert read_model(forest()).predict(np.zeros((2, 3))) == pytest.approx([0.5, 0.5])


MISFITS = {
    "few weights": model(weights=np.zeros(3)).encode(),
    "not a number": model(weights=np.full(4, np.nan)).encode(),
    "whole weights": model(weights=np.zeros(4, dtype=np.int64)).encode(),
    "hidden": model(hidden=np.array(2)).encode(),
    "much hidden": model(hidden=np.array(1 << 40)).encode(),
    "no width": model(width=np.zeros(3)).encode(),
    "more": model(more=np.zeros(1)).encode(),
    "another column": forest(feature=np.full((1, 1), 3)),
    "before the first": forest(feature=np.full((1, 1), -1)),
    "no tree": forest(value=np.zeros((1, 3))),
    "deflated": packed_small(),
    "claim": claiming((1 << 60,)),
    "overflow": claiming((1 << 40, 1 << 40)),
}


@pytest.mark.parametrize("data", MISFITS.values(), ids=MISFITS.keys())
def test_a_file_that_does_not_fit_together_is_refused_before_it_is_unpacked(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_model(data)


@pytest.mark.parametrize("data", [b"", b"PK", model().encode()[:200], pickled()], ids=["empty", "zip", "cut", "pickle"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_model(data)
