"""`Evaluator`: the circuits on ciphertexts that need a multiplication, whoever's code it is that multiplies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from steelyard.ckks.ciphertext import Ciphertext


@dataclass(frozen=True, slots=True)
class Quotient:
    """Numerators over denominators; with `weights`, the sum of products of weights and numerators over them."""

    numerators: Sequence[Ciphertext]
    denominators: Ciphertext
    weights: Sequence[Ciphertext] = ()


class Evaluator(Interface):
    """Deterministic: everybody who evaluates the same ciphertexts gets the same bytes."""

    def divide(self, quotient: Quotient) -> Ciphertext:
        """Over the profile's ring of results, at its scale of results.  Raises Malformed, Failed."""
