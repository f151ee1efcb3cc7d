"""Circuits on ciphertexts by SEAL, through TenSEAL: the only file that imports it.

Every scale is tracked exactly, so that no bias comes from primes that are not powers of two.  SEAL reads and writes
files only; ours is in memory, has no name, and goes with its process, however that ends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tenseal.sealapi as seal

from steelyard.ckks import seal_format
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.profiles import Profile
from steelyard.ckks.ring import Residues
from steelyard.ckks.scheme import Quotient
from steelyard.errors import Invalid


def context_of(profile: Profile) -> Any:
    """SEAL's context for the profile's own primes; raises Invalid where SEAL finds them insecure."""
    parameters = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
    parameters.set_poly_modulus_degree(profile.degree)
    parameters.set_coeff_modulus([seal.Modulus(prime) for prime in profile.keys.primes])
    context = seal.SEALContext(parameters, True, seal.SEC_LEVEL_TYPE.TC128)
    if not context.parameters_set():
        raise Invalid(f"SEAL refuses profile {profile.name}")
    return context


class SealEvaluator:
    """An `Evaluator` under one joint key."""

    def __init__(self, profile: Profile, relin: Sequence[tuple[Residues, Residues]]) -> None:
        self._profile = profile
        self._context = context_of(profile)
        self._evaluator = seal.Evaluator(self._context)
        self._encoder = seal.CKKSEncoder(self._context)
        self._memory = os.memfd_create("ciphertexts")
        self._file = Path(f"/proc/self/fd/{self._memory}")
        self._relin = seal.RelinKeys()
        self._load(self._relin, seal_format.write_relin(tuple(self._context.key_parms_id()), relin))

    def close(self) -> None:
        os.close(self._memory)

    def divide(self, quotient: Quotient) -> Ciphertext:
        plan = self._profile.plan
        n = self._weighed(quotient) if quotient.weights else self._loaded(quotient.numerators[0])
        e = self._loaded(quotient.denominators)
        self._evaluator.negate_inplace(e)
        self._add(e, plan.alpha[0])
        for k in range(plan.steps):
            factor = self._copy(e)
            self._add(factor, plan.alpha[k])
            self._evaluator.multiply_inplace(n, factor)
            self._shrink(n)
            if k < plan.steps - 1:
                self._evaluator.square_inplace(e)
                self._shrink(e)
                self._add(e, -plan.beta[k])
        return self._saved(n)

    def _weighed(self, quotient: Quotient) -> Any:
        if len(quotient.weights) != len(quotient.numerators):
            raise Invalid("one weight for each numerator")
        result = None
        for weight, numerator in zip(quotient.weights, quotient.numerators, strict=True):
            product = self._loaded(weight)
            self._evaluator.multiply_inplace(product, self._loaded(numerator))
            if result is None:
                result = product
            else:
                self._evaluator.add_inplace(result, product)
        self._shrink(result)
        return result

    def _shrink(self, ciphertext: Any) -> None:
        """After a product: two polynomials again, and one prime less."""
        self._evaluator.relinearize_inplace(ciphertext, self._relin)
        self._evaluator.rescale_to_next_inplace(ciphertext)

    def _add(self, ciphertext: Any, number: float) -> None:
        plain = seal.Plaintext()
        self._encoder.encode(number, ciphertext.parms_id(), ciphertext.scale, plain)
        self._evaluator.add_plain_inplace(ciphertext, plain)

    def _copy(self, ciphertext: Any) -> Any:
        nothing = seal.Ciphertext(self._context)
        self._evaluator.negate(ciphertext, nothing)
        self._evaluator.negate_inplace(nothing)
        return nothing

    def _loaded(self, ciphertext: Ciphertext) -> Any:
        level = self._level(len(ciphertext.ring.primes))
        loaded = seal.Ciphertext(self._context)
        parts = (ciphertext.c0, ciphertext.c1)
        self._load(loaded, seal_format.write_ciphertext(level, parts, self._profile.scale))
        return loaded

    def _saved(self, ciphertext: Any) -> Ciphertext:
        ciphertext.save(str(self._file))
        c0, c1 = seal_format.read_ciphertext(self._profile.result, self._file.read_bytes())
        return Ciphertext(self._profile.result, c0, c1)

    def _load(self, into: Any, data: bytes) -> None:
        self._file.write_bytes(data)
        into.load(self._context, str(self._file))

    def _level(self, primes: int) -> seal_format.Level:
        data = self._context.first_context_data()
        while len(data.parms().coeff_modulus()) > primes:
            data = data.next_context_data()
        return tuple(data.parms_id())
