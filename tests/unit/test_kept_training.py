"""What training leaves at a node is sealed, outlives it, and a node does not vote twice for different parties."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from itertools import count
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from msgspec import msgpack
from protocols.consortium import Consortium
from unit.vaults import Place

from node.training import KeptModels, KeptSums, TrainedHere
from steelyard.errors import Conflict, Invalid, NotFound, Outdated
from steelyard.ids import ComputationId, PartyId
from steelyard.learning.model import Card, Model
from steelyard.protocols.saved import Saved

ID, OTHER = ComputationId("ab" * 16), ComputationId("cd" * 16)
A, B, C = (PartyId(f"bank-{letter}") for letter in "abc")


def model(name: str = "credit", weight: float = 0.0) -> Model:
    card = Card(
        name=name, kind="linear", strategy="newton", dataset="d", target="t", features=(), rounds=1, rows=1,
        parties=(), quality={},
    )  # fmt: skip
    arrays = {"centre": np.zeros(0), "width": np.ones(0), "weights": np.array([weight]), "hidden": np.array(0)}
    return Model(card, arrays)


def test_sums_are_there_after_a_restart_up_to_the_first_gap(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.opened() as vault:
        kept = KeptSums(vault, ID)
        assert kept.latest() == 0
        for number in (1, 2, 4):
            kept.keep(number, b"a very secret sum %d" % number)
    with place.opened() as vault:
        again = KeptSums(vault, ID)
        assert (again.latest(), KeptSums(vault, OTHER).latest()) == (2, 0)
        assert again.read(2) == b"a very secret sum 2"
        again.keep(2, b"new")
        assert again.read(2) == b"new"
    assert not any(b"secret" in file.read_bytes() for file in place.files)


def test_states_that_another_release_has_kept_are_erased_when_they_would_go_on(tmp_path: Path) -> None:
    place, attempt = Place(tmp_path), Consortium(3, 2).attempt(A)
    with place.opened() as vault:
        for number in (1, 2):
            KeptSums(vault, ID).keep(number, bytes(16) + msgpack.encode([b"shares"]))  # no word on their form
    with place.opened() as vault:
        with pytest.raises(Outdated, match="start it again, with a new request"):
            next(Saved(attempt, KeptSums(vault, ID)).common())
        assert KeptSums(vault, ID).latest() == 0
    assert not place.files


def test_a_vote_holds_for_ever(tmp_path: Path) -> None:
    with Place(tmp_path).opened() as vault:
        KeptSums(vault, ID).enter("1 sums", (A, B, C), b"past")
        KeptSums(vault, ID).enter("1 sums", (A, B, C), b"past")
        KeptSums(vault, ID).enter("2 sums", (A, B), b"")
        KeptSums(vault, ID).forget()
        with pytest.raises(Conflict, match="bank-c"):
            KeptSums(vault, ID).enter("1 sums", (A, B), b"past")
        with pytest.raises(Conflict, match="other sums"):
            KeptSums(vault, ID).enter("1 sums", (A, B, C), b"another past")
        assert KeptSums(vault, ID).voted("2 sums") == (A, B)
        assert KeptSums(vault, ID).voted("3 sums") == ()


def test_of_two_attempts_at_once_one_votes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled attempt may still be at its last step in a thread when the next one comes to the same vote."""
    begun, end, write = Event(), Event(), KeptSums._write

    def slowly(kept: KeptSums, part: str, file: str, content: bytes) -> None:
        begun.set()
        assert end.wait(60)
        write(kept, part, file, content)

    monkeypatch.setattr(KeptSums, "_write", slowly)
    with Place(tmp_path).opened() as vault, ThreadPoolExecutor() as threads:
        cancelled = threads.submit(KeptSums(vault, ID).enter, "1 sums", (A, B, C), b"past")
        assert begun.wait(60)
        following = threads.submit(KeptSums(vault, ID).enter, "1 sums", (A, B), b"past")
        wait((following,), 0.2)
        end.set()
        cancelled.result(60)
        with pytest.raises(Conflict, match="bank-c"):
            following.result(60)


def test_sums_go_when_a_result_is_settled_and_votes_when_nobody_remembers_the_computation(tmp_path: Path) -> None:
    with Place(tmp_path).opened() as vault:
        here, kept = TrainedHere(vault, count().__next__), KeptSums(vault, ID)
        kept.keep(1, b"x")
        kept.enter("1 sums", (A, B, C), b"")
        here.settled(ID)
        here.settled(OTHER)
        assert (kept.latest(), kept.voted("1 sums")) == (0, (A, B, C))
        here.sweep(lambda computation: computation == ID, lambda computation: False)
        assert kept.voted("1 sums") == (A, B, C)
        here.sweep(lambda computation: False, lambda computation: True)
        assert vault.units("checkpoint") == []


def test_sums_go_when_no_attempt_can_come_any_more(tmp_path: Path) -> None:
    with Place(tmp_path).opened() as vault:
        here = TrainedHere(vault, count().__next__)
        for computation in (ID, OTHER):
            KeptSums(vault, computation).keep(1, b"shares of a round that was given up")
            KeptSums(vault, computation).enter("1 sums", (A, B, C), b"the past")
        here.sweep(lambda computation: True, lambda computation: computation == OTHER)
        assert (KeptSums(vault, ID).latest(), KeptSums(vault, OTHER).latest()) == (0, 1)
        assert KeptSums(vault, ID).voted("1 sums") == (A, B, C)


def test_models_are_kept_sealed_listed_exported_and_deleted(tmp_path: Path) -> None:
    place, clock = Place(tmp_path), count(5).__next__
    with place.opened() as vault:
        models = KeptModels(vault, clock)
        models.keep("credit", model(weight=1.0).encode())
        models.keep("credit", model().encode())
        models.keep("credit_personal", model("credit_personal").encode())
    with place.opened() as vault:
        models = KeptModels(vault, clock)
        assert [kept.card.name for kept in models.list()] == ["credit", "credit_personal"]
        assert models.export("credit") == model().encode()
        assert models.show("credit").digest == model().digest.hex()
        assert len(vault.units("model")) == 2
        models.delete("credit")
        for missing in ("credit", "../credit", ""):
            with pytest.raises(NotFound):
                models.export(missing)
        with pytest.raises(Invalid):
            models.keep("bad", b"no model")
    assert not any(b"credit" in file.read_bytes() for file in place.files)
