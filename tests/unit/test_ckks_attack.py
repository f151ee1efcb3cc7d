"""The attack of Li and Micciancio (EUROCRYPT 2021): who sees raw decryptions solves for the secret key.

`decrypt` gives the real parts of slots, so twice the numbers encode m(X) + m(1/X) exactly: at each pair of conjugate
roots that is one linear equation in two values of the key, and two ciphertexts make it two.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tenseal as ts
from unit.key_holders import STREAM, Holders

from steelyard.ckks import seal_format
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.decryption import OneTimeKey, fuse
from steelyard.ckks.division import normalised
from steelyard.ckks.encoding import encode
from steelyard.ckks.profiles import PROFILES, S
from steelyard.ckks.ring import Ring
from steelyard.ckks.scheme import Quotient
from steelyard.ckks.tenseal_scheme import SealEvaluator


def attack(ring: Ring, seen: list[tuple[Ciphertext, np.ndarray]], scale: float) -> np.ndarray:
    """The values of the key modulo the first prime, from two ciphertexts and what they decrypt to."""
    prime = ring.primes[0]
    (x, u), (y, v) = (
        [each.astype(object) for each in (one.c1[0], _right_side(ring, one, slots, scale))] for one, slots in seen
    )
    mirrored = slice(None, None, -1)  # the conjugate root is as far from the other end
    determinant = (x * y[mirrored] - y * x[mirrored]) % prime
    inverse = np.array([pow(int(each), -1, prime) for each in determinant], dtype=object)
    return (u * y[mirrored] - v * x[mirrored]) * inverse % prime


def _right_side(ring: Ring, one: Ciphertext, slots: np.ndarray, scale: float) -> np.ndarray:
    known = encode(ring, 2 * slots, scale)[0].astype(object)
    return (known - one.c0[0].astype(object) - one.c0[0][::-1].astype(object)) % ring.primes[0]


def coefficients(ring: Ring, values: np.ndarray) -> np.ndarray:
    one = ring.first(1)
    found = one.coefficients(values.astype(np.uint64).reshape(1, -1))[0].astype(object)
    return np.where(found > ring.primes[0] // 2, found - ring.primes[0], found)


def numbers(count: int) -> np.ndarray:
    return np.linspace(0.1, 0.9, count)


@pytest.mark.parametrize("multiplied", [False, True])
def test_two_raw_decryptions_of_tenseal_give_the_whole_key(multiplied: bool, tmp_path: Path) -> None:
    context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[50, 40, 40, 48])
    context.global_scale = 2.0**40
    primes = [q.value() for q in context.seal_context().data.key_context_data().parms().coeff_modulus()]
    seen = []
    for shift in (0.0, 0.05):
        vector = ts.ckks_vector(context, list(numbers(4096) + shift))
        if multiplied:
            vector = vector * vector
        vector.ciphertext()[0].save(str(tmp_path / "ct"))
        ring = Ring(8192, tuple(primes[: 3 - multiplied]))
        c0, c1 = seal_format.read_ciphertext(ring, (tmp_path / "ct").read_bytes())
        seen.append((Ciphertext(ring, c0, c1), np.array(vector.decrypt())))
    key = coefficients(ring, attack(ring, seen, vector.ciphertext()[0].scale))
    assert set(key.tolist()) == {-1, 0, 1}  # a random guess would be ternary in no coefficient at all


@pytest.mark.parametrize("name", sorted(set(PROFILES) - {"W"}))
def test_what_the_service_releases_gives_not_one_coefficient(name: str) -> None:
    profile = PROFILES[name]
    holders, ring = Holders.of(profile), profile.result
    evaluator = SealEvaluator(profile, holders.joint.relin)
    results = []
    for shift in (0.0, 0.05):
        pair = normalised(profile.plan, numbers(profile.slots) + shift, STREAM)
        quotient = Quotient([holders.encrypt(pair.numerators)], holders.encrypt(pair.denominators))
        results.append(evaluator.divide(quotient))
    evaluator.close()
    secret = ring.values_of(holders.secret)[0].astype(object)
    if profile is S:  # a float holds its whole plaintexts: without noise the attack works here, too
        raw = [(each, holders.raw(each, profile.result_scale)) for each in results]
        assert np.array_equal(attack(ring, raw, profile.result_scale), secret)
    flooded = list(zip(results, _released(holders, results), strict=True))
    rounded = [(each, np.round(slots, profile.decimals)) for each, slots in flooded]
    for seen in (flooded, rounded):
        assert np.count_nonzero(attack(ring, seen, profile.result_scale) == secret) == 0


def _released(holders: Holders, results: list[Ciphertext]) -> list[np.ndarray]:
    profile, ring = holders.profile, holders.profile.result
    owners, committee = holders.owner_keys(), [OneTimeKey(ring, each.values) for each in holders.shares(2)]
    for key in (*owners, *committee):
        key.allow(results)
    return [
        fuse(
            profile,
            each.c0,
            [key.part(each, profile.flood, STREAM) for key in owners],
            {i: key.part(each, profile.share, STREAM) for i, key in enumerate(committee)},
            2,
            profile.result_scale,
        )
        for each in results
    ]
