"""What training leaves at a node outlives it, and a node does not vote twice for different parties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.training import KeptModels, KeptSums
from steelyard.errors import Conflict, Invalid, NotFound
from steelyard.ids import ComputationId, PartyId
from steelyard.learning.model import Card, Model

ID = ComputationId("ab" * 16)
A, B, C = (PartyId(f"bank-{letter}") for letter in "abc")


def model(name: str = "credit") -> Model:
    card = Card(
        name=name, kind="linear", strategy="newton", dataset="d", target="t", features=(), rounds=1, rows=1,
        parties=(), quality={},
    )  # fmt: skip
    return Model(card, {"centre": np.zeros(0), "width": np.ones(0), "weights": np.zeros(1), "hidden": np.array(0)})


def test_sums_are_there_after_a_restart_up_to_the_first_gap(tmp_path: Path) -> None:
    kept = KeptSums.of(tmp_path, ID)
    assert kept.latest() == 0
    for number in (1, 2, 4):
        kept.keep(number, bytes([number]))
    again = KeptSums.of(tmp_path, ID)
    assert again.latest() == 2
    assert again.read(2) == b"\x02"
    again.keep(2, b"new")
    assert kept.read(2) == b"new"
    assert KeptSums.of(tmp_path, ComputationId("cd" * 16)).latest() == 0


def test_a_vote_holds_for_ever(tmp_path: Path) -> None:
    KeptSums.of(tmp_path, ID).enter("1 sums", (A, B, C))
    KeptSums.of(tmp_path, ID).enter("1 sums", (A, B, C))
    KeptSums.of(tmp_path, ID).enter("2 sums", (A, B))
    with pytest.raises(Conflict, match="bank-c"):
        KeptSums.of(tmp_path, ID).enter("1 sums", (A, B))


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    kept = KeptSums.of(tmp_path, ID)
    kept.keep(1, b"x")
    kept.forget()
    assert KeptSums.of(tmp_path, ID).latest() == 0


def test_models_are_kept_listed_exported_and_deleted(tmp_path: Path) -> None:
    models = KeptModels.of(tmp_path)
    models.keep("credit", model().encode())
    models.keep("credit_personal", model("credit_personal").encode())
    assert KeptModels.of(tmp_path).names() == ["credit", "credit_personal"]
    assert [card.name for card in models.cards()] == ["credit", "credit_personal"]
    assert models.export("credit") == model().encode()
    models.delete("credit")
    for missing in ("credit", "../credit", ""):
        with pytest.raises(NotFound):
            models.export(missing)
    with pytest.raises(Invalid):
        models.keep("bad", b"no model")
