"""An owner and the requester who work together get the key of their request: what that opens of another's statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from protocols.consortium import Consortium
from protocols.statements import REQUEST, Books, asked, fail, play, statement

from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.circuit import Circuit
from steelyard.ckks.committee_key import weights
from steelyard.ckks.encoding import _order, _twists, centred, decode
from steelyard.ckks.profiles import T
from steelyard.functions.computation import ResultShare
from steelyard.functions.question import Question
from steelyard.ids import PartyId
from steelyard.protocols.encrypted_inputs import split
from steelyard.protocols.joint_decryption import Parts, collected

A, B, C = (PartyId(f"bank-{letter}") for letter in "abc")
DELTA = 1 << 50
ROW = statement("alpha", total_assets=123_457, total_liabilities=61_223, net_income=-7_919)
ROA = round(-7_919 / 123_457, 4)  # below zero, where no made-up figure is


@dataclass
class Loot:
    """The joint secret of a request, and what an honest owner sent under it."""

    secret: np.ndarray  # coefficients
    inputs: list[Ciphertext]

    def opened(self, index: int) -> np.ndarray:
        each = self.inputs[index]
        plain = each.ring.multiply_add(each.c1, each.ring.values_of(self.secret), each.c0)
        return decode(each.ring, plain, T.scale)


def everything(parts: Parts) -> np.ndarray:
    """The plaintext polynomial of the first result, as the requester can put it together, at complex roots."""
    ring, sent, positions = T.result, parts.attachments, [0, 1]
    weighed = weights(positions)
    holders = [sent[party].own[0] for party in parts.holders]
    whole = ring.scale(weighed.denominator, ring.total([sent[parts.holders[0]].c0[0], *holders]))
    for position, party in zip(positions, (A, B), strict=True):
        whole = ring.add(whole, ring.scale(weighed.numerators[position], sent[party].committee[0]))
    coefficients = centred(ring, ring.coefficients(whole)) / weighed.denominator
    degree = coefficients.size
    return (np.fft.ifft(coefficients * _twists(degree)) * degree)[_order(degree)]


def key_from(numbers: np.ndarray, circuit: Circuit) -> np.ndarray:
    """In slots that are nobody's a zero is divided by what all know, and now it is not a zero: it is the key."""
    gain = T.plan.divide(np.ones(1), np.array([0.75 * T.plan.denominator]))[0]
    slots = numbers * (T.scale / T.result_scale / DELTA / gain)
    slots[: circuit.layout.entries] = 0  # a few are not known, which rounding makes good
    degree = T.degree
    values, order = np.empty(degree, dtype=np.complex128), _order(degree)
    values[order], values[degree - 1 - order] = slots, slots.conj()
    return np.rint((np.fft.fft(values) / degree * _twists(degree).conj()).real).astype(np.int64)


def robbed(question: Question[Any], monkeypatch: pytest.MonkeyPatch) -> Loot:
    """bank-b encrypts a ciphertext whose message is the secret key, and gives bank-a's ciphertexts to the requester."""
    honest, seen = Circuit.encrypted, {}

    def encrypted(self: Circuit, party: PartyId, *rest: Any) -> Iterator[Ciphertext]:
        for i, each in enumerate(honest(self, party, *rest)):
            shifted = each.ring.add(each.c1, each.ring.constant([DELTA] * len(each.ring.primes)))
            yield Ciphertext(each.ring, each.c0, shifted) if (party, i) == (B, 0) else each

    def watch(sender: PartyId, receiver: PartyId, round_: Any, message: Any) -> Any:
        if (sender, receiver, round_.step) == (A, B, "encrypted inputs"):
            seen["inputs"] = bytes(message)
        return message

    monkeypatch.setattr(Circuit, "encrypted", encrypted)
    consortium = Consortium(3, 2)
    outcome: dict[PartyId, ResultShare] = fail(
        play(consortium, question, {A: Books([ROW]), B: Books([statement("b")])}, watch)
    )
    circuit = question.circuit({A: 1, B: 1, C: 0})  # type: ignore[attr-defined]
    attachments = {party: each.attachment for party, each in outcome.items()}
    parts = collected(T, REQUEST, 2, lambda _: (A, B), attachments, circuit.scales, consortium.keys)
    body = memoryview(seen["inputs"])[-sum(2 * ring.size for ring in circuit.rings) :]
    return Loot(key_from(everything(parts), circuit), split(circuit.rings, body))


def test_whoever_gets_the_key_of_a_request_finds_the_figures_asked_for_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    question = asked("ratio", ratios=("roa",))
    loot = robbed(question, monkeypatch)
    assert np.abs(loot.secret).max() <= 6  # six ternary secrets: the attack works
    above, below, assets, liabilities, equity = (loot.opened(i) for i in range(5))
    place = next(i for i in range(5) if abs(above[i] / T.plan.numerator / (below[i] / T.plan.denominator) - ROA) < 1e-9)
    assert np.abs(below[10:]).max() > 0  # noise alone beyond the blocks of both
    assert np.abs(above[5:]).max() < 1e-9
    # The quotient is rounded; its denominator is a random number, not the firm's.
    scaled = below[place] / T.plan.denominator
    assert 0.5 < scaled <= 1
    item, exponent = np.frexp(ROW["total_assets"])
    assert abs(scaled - item) > 1e-9
    # The items of the identity are masked, and cancel.
    assert abs(assets[place] - liabilities[place] - equity[place]) < 1e-6
    assert abs(assets[place] - item) > 1e-3
    assert abs(liabilities[place] - np.ldexp(float(ROW["total_liabilities"]), -exponent)) > 1e-3
    assert max(abs(assets[place]), abs(liabilities[place])) > 1  # which no item is
