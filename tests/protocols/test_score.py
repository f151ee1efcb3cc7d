"""Private scores: neither the weights nor the statements are anybody else's."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from protocols.callers import Callers
from protocols.consortium import Consortium
from protocols.statements import Books, asked, fail, opened, play, statement

from steelyard import records
from steelyard.ckks.encoding import encode
from steelyard.ckks.profiles import W
from steelyard.ckks.scores import ALTMAN_Z2, CONSTANT, ordered, score
from steelyard.errors import Cheated, Invalid, Malformed
from steelyard.functions import sealed_argument
from steelyard.functions.means import Unseal
from steelyard.functions.score import Score, sealed_to_oneself, sealed_weights
from steelyard.functions.statements import Labels
from steelyard.identity.sealing import unseal
from steelyard.ids import PartyId
from steelyard.protocols.joint_decryption import Front

A, B, C = (PartyId(f"bank-{letter}") for letter in "abc")
MODEL = {**ALTMAN_Z2, CONSTANT: 3.25}


class Lender:
    """A requester and the keys of the nodes."""

    def __init__(self, consortium: Consortium) -> None:
        self.consortium = consortium
        self.keys = {party: X25519PrivateKey.generate() for party in consortium.parties}
        self.own = X25519PrivateKey.generate()

    def question(self, model: dict[str, float], requester: str = "lender", **more: Any) -> Any:
        nodes = {
            party: (self.consortium.points[party], key.public_key().public_bytes_raw())
            for party, key in self.keys.items()
        }
        weights = sealed_weights(model, requester, nodes, self.consortium.threshold)
        own = sealed_to_oneself(model, requester, self.own.public_key().public_bytes_raw())
        return asked("score", features=ordered(tuple(model)), weights=weights, own=own, **more)

    def ask(self, question: Any, books: dict[PartyId, Books], tamper: Any = None) -> dict[str, Any]:
        outcome = fail(play(self.consortium, question, books, tamper, unseal=self.unseal()))
        bound = sealed_argument.context("lender")
        return opened(self.consortium, question, outcome, unseal=lambda sealed: unseal(self.own, sealed, bound))

    def unseal(self, requester: str = "lender") -> dict[PartyId, Unseal]:
        return {party: self._opener(party, requester) for party in self.keys}

    def _opener(self, party: PartyId, requester: str) -> Unseal:
        bound = sealed_argument.context(requester, party)
        return lambda ciphertext: unseal(self.keys[party], ciphertext, bound)


@pytest.fixture(scope="module")
def lender() -> Lender:
    return Lender(Consortium(3, 2))


def features(row: Any) -> dict[str, float]:
    assets = row["total_assets"]
    return {
        "working_capital": (row["current_assets"] - row["current_liabilities"]) / assets,
        "retained_earnings": row["retained_earnings"] / assets,
        "ebit": row["ebit"] / assets,
        "equity_to_liabilities": row["equity"] / row["total_liabilities"],
        CONSTANT: 1.0,
    }


def test_altmans_score_is_the_plain_one_within_the_profiles_bound(lender: Lender) -> None:
    rows = {
        "sound": statement("sound", retained_earnings=900, ebit=400, total_liabilities=100),
        "weak": statement("weak", ebit=-350, total_liabilities=2300, current_assets=90),
    }
    books = {A: Books([rows["sound"]]), B: Books([rows["weak"], statement("debtless", total_liabilities=0)])}
    figures = lender.ask(lender.question(MODEL), books)
    found = {each["subject"]: each for each in figures["firms"]}
    for name, row in rows.items():
        assert abs(float(found[name]["score"]) - score(MODEL, features(row))) <= W.error(2)
    assert found["debtless"]["score"] is None
    assert W.error() <= 1e-3


def test_a_firm_without_a_node_is_scored_beside_owners(lender: Lender) -> None:
    callers = Callers(lender.consortium, key=lender.own)
    question = lender.question(MODEL, subjects=("owned", "firm-x"), called=("firm-x",))
    rows = {"owned": statement("owned", ebit=-350), "firm-x": statement("firm-x", retained_earnings=900, ebit=400)}
    callers.answers(question, rows["firm-x"])
    outcome = fail(callers.play(question, {B: Books([rows["owned"]])}, unseal=lender.unseal()))
    found = {each["subject"]: each for each in callers.opened(question, outcome)["firms"]}
    assert {name: each["party"] for name, each in found.items()} == {"owned": B, "firm-x": "firm-x"}
    for name, row in rows.items():
        assert abs(float(found[name]["score"]) - score(MODEL, features(row))) <= W.error(2)


def test_no_request_and_no_message_holds_a_weight(lender: Lender) -> None:
    assert "6.56" not in str(lender.question(MODEL).wanted)
    one, other = (lender.question(MODEL).wanted.weights for _ in range(2))
    assert not set(one.values()) & set(other.values())


def test_weights_copied_from_another_requesters_request_do_not_open(lender: Lender) -> None:
    books = {A: Books([statement("a")]), B: Books([statement("b")])}
    with pytest.raises(Invalid, match="do not open"):
        fail(play(lender.consortium, lender.question(MODEL), books, unseal=lender.unseal("spy")))


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e3])
def test_a_weight_out_of_range_is_refused(lender: Lender, weight: float) -> None:
    with pytest.raises(Invalid, match="a weight is"):
        lender.question({"ebit": weight})


def test_features_that_are_none_are_refused() -> None:
    with pytest.raises(Invalid, match="no feature"):
        asked("score", features=("luck",), weights={})


def test_a_node_without_weights_says_so(lender: Lender) -> None:
    question = asked("score", features=("ebit",), weights={})
    books = {A: Books([statement("a")]), B: Books([statement("b")])}
    with pytest.raises(Invalid, match="no weights for"):
        fail(play(lender.consortium, question, books, unseal=lender.unseal()))


def test_weights_out_of_bounds_show_a_feature_to_six_decimals_and_no_further(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes see shares of weights, so a requester may choose any; owners have rounded before."""
    monkeypatch.setattr("steelyard.ckks.scores.MAX_WEIGHT", 1e9)
    row, factor = statement("a", total_assets=123_457, ebit=7_919), 1 << 16
    question = lender.question({"ebit": float(factor)}, balance=False)
    [first, _] = lender.ask(question, {A: Books([row]), B: Books([statement("b")])})["firms"]
    found, exact = float(first["score"]) / factor, 7_919 / 123_457
    assert abs(found - round(exact, 6)) < 1e-8
    assert abs(found - exact) > 1e-7


def test_a_node_that_changes_what_a_weight_counts_for_is_found_out(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its share of a weight is its own word: here the weight of one feature grows by 0.05."""
    honest = Score.weights

    def weights(self: Score, held: Any) -> Any:
        first, *rest = honest(self, held)
        shift = round(0.05 * W.scale) if held.attempt.me == C else 0
        return [[(each + shift) % q for each, q in zip(first, W.fresh.primes, strict=True)], *rest]

    monkeypatch.setattr(Score, "weights", weights)
    with pytest.raises(Cheated, match="were spoilt") as caught:
        lender.ask(lender.question(MODEL), {A: Books([statement("a")]), B: Books([statement("b")])})
    assert C in caught.value.suspects  # which has no firm


def test_weights_sealed_to_the_requester_open_to_nobody_else(lender: Lender) -> None:
    sealed = base64.b64decode(lender.question(MODEL).wanted.own)
    with pytest.raises(Malformed):
        unseal(lender.keys[A], sealed, sealed_argument.context("lender"))
    with pytest.raises(Malformed):
        unseal(lender.own, sealed, sealed_argument.context("lender", A))


def test_a_score_that_somebody_shifts_differs_from_its_copy(lender: Lender) -> None:
    """An owner adds to its part of the decryption what shifts one place of another owner's block."""
    question = lender.question(MODEL)
    outcome = fail(
        play(
            lender.consortium,
            question,
            {A: Books([statement("a")]), B: Books([statement("b")])},
            unseal=lender.unseal(),
        )
    )
    ring, results = W.result, 2

    def change(attachments: dict[PartyId, bytes]) -> dict[PartyId, bytes]:
        start = 4 + int.from_bytes(attachments[A][:4], "little")
        front = records.from_msgpack(attachments[A][4:start], Front)
        labels = records.from_json(front.note, Labels)
        slots = np.zeros(W.slots)
        slots[next(place for place in range(6) if place not in labels.canaries)] = 0.5
        at = start + results * ring.size  # behind the results, which it leads with
        part = ring.read(attachments[A][at : at + ring.size])
        shifted = ring.write(ring.add(part, encode(ring, slots, W.result_scale)))
        return {**attachments, A: attachments[A][:at] + shifted + attachments[A][at + ring.size :]}

    def told(change: Any) -> dict[str, Any]:
        bound = sealed_argument.context("lender")
        return opened(
            lender.consortium, question, outcome, change, unseal=lambda sealed: unseal(lender.own, sealed, bound)
        )

    assert [each["subject"] for each in told(lambda each: each)["firms"]] == ["a", "b"]
    with pytest.raises(Cheated, match="were spoilt"):
        told(change)
