"""A model goes to the parties it was trained with; a node that missed it believes as many as the threshold."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from unit.test_kept_training import model
from unit.vaults import Place

from node.handover import Handover
from node.training import KeptModels
from steelyard.errors import Failed, NotFound
from steelyard.ids import PartyId
from steelyard.learning.model import Model
from tests.service.fakes import make_consortium

A, B, C, D = (PartyId(f"bank-{letter}") for letter in "abcd")


class Written:
    """Stands for the audit log."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def record(self, event: str, fields: Any, *, now_ms: int) -> None:
        self.events.append(event)


def handover(tmp_path: Path, vault: Any) -> Handover:
    membership = make_consortium(tmp_path, ("bank-a", "bank-b", "bank-c"), 2)
    return Handover(A, membership, KeptModels(vault, count(5).__next__), Written(), tmp_path)  # type: ignore[arg-type]


def of_all(weight: float = 0.0, *, personal: bool = False) -> Model:
    made = model(weight=weight)
    return Model(replace(made.card, parties=(A, B, C), personal=personal), made.arrays)


def test_only_parties_of_the_run_are_given_a_model_and_nobody_a_personal_one(tmp_path: Path) -> None:
    with Place(tmp_path).opened() as vault:
        here = handover(tmp_path / "consortium", vault)
        here.models.keep("credit", of_all().encode())
        here.models.keep("credit_personal", of_all(1.0, personal=True).encode())
        assert here.give("credit", B, hash_only=True) == (of_all().digest.hex(), b"")
        assert here.give("credit", B, hash_only=False) == (of_all().digest.hex(), of_all().encode())
        for name, asker in (("credit", D), ("credit_personal", B), ("none", B)):
            with pytest.raises(NotFound):
                here.give(name, asker, hash_only=False)
        assert here.audit.events == ["model_given"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("told", "error"),
    [({}, NotFound), ({B: 1.0}, Failed), ({B: 1.0, C: 2.0}, Failed), ({B: 1.0, C: 1.0}, None)],
)
def test_one_party_s_word_is_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[PartyId, float], error: type[Exception] | None
) -> None:
    async def asked(here: Handover, peer: PartyId, name: str, *, hash_only: bool) -> tuple[str, bytes] | None:
        if peer not in told:
            return None
        file = of_all(told[peer] if hash_only or peer == C else 9.0)  # bank-b then gives another file
        return file.digest.hex(), b"" if hash_only else file.encode()

    monkeypatch.setattr(Handover, "_asked", asked)
    with Place(tmp_path).opened() as vault:
        here = handover(tmp_path / "consortium", vault)
        if error:
            with pytest.raises(error):
                asyncio.run(here.recall("credit"))
            assert here.models.list() == []
        else:
            assert asyncio.run(here.recall("credit")).digest == of_all(1.0).digest.hex()
            assert here.models.export("credit") == of_all(1.0).encode()
