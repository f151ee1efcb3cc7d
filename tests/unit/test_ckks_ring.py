"""Rings, encoding and samplers: exact where they are exact, and of the distribution they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.ckks import encoding, primes, samplers
from steelyard.ckks.profiles import PROFILES, Profile, S, T, profile
from steelyard.ckks.ring import Ring
from steelyard.errors import Invalid, Malformed
from steelyard.randomness import Keystream, SystemRandomness

SMALL = Ring(16, primes.chain(16, (60, 58, 40)))


def stream() -> Keystream:
    return Keystream(bytes(32))


@given(st.integers(0, 2**256), st.integers(0, 2**256))
@settings(max_examples=50, deadline=None)
def test_products_are_exact_up_to_sixty_bits(a: int, b: int) -> None:
    x, y = (SMALL.constant([each % q for q in SMALL.primes]) for each in (a, b))
    assert SMALL.multiply(x, y)[:, 0].tolist() == [a * b % q for q in SMALL.primes]
    assert SMALL.multiply_add(x, y, x)[:, 3].tolist() == [(a * b + a) % q for q in SMALL.primes]
    assert SMALL.scale(b % 2**60, x)[:, 1].tolist() == [a * (b % 2**60) % q for q in SMALL.primes]
    assert SMALL.subtract(x, y)[:, 0].tolist() == [(a - b) % q for q in SMALL.primes]


def test_the_largest_residues_multiply_exactly() -> None:
    largest = SMALL.constant([q - 1 for q in SMALL.primes])
    assert SMALL.multiply(largest, largest)[:, 0].tolist() == [1, 1, 1]


@given(st.lists(st.integers(-(2**40), 2**40), min_size=16, max_size=16), st.integers(0, 15))
@settings(max_examples=50, deadline=None)
def test_products_of_values_are_products_of_polynomials(coefficients: list[int], shift: int) -> None:
    a, monomial = np.array(coefficients), np.eye(16, dtype=np.int64)[shift]
    product = SMALL.coefficients(SMALL.multiply(SMALL.values_of(a), SMALL.values_of(monomial)))
    expected = np.concatenate([-a[16 - shift :], a[: 16 - shift]])  # X^16 = -1
    assert np.array_equal(product, SMALL.residues(expected))


def test_the_transform_is_that_of_seal() -> None:
    """The smallest root, and values in bit-reversed order."""
    from steelyard.ckks.tenseal_scheme import context_of

    context = context_of(S)
    assert tuple(q.value() for q in context.key_context_data().parms().coeff_modulus()) == S.keys.primes
    root = primes.smallest_root(SMALL.degree, SMALL.primes[0])
    x = SMALL.values_of(np.eye(16, dtype=np.int64)[1])[0].tolist()
    assert x == [pow(root, 2 * int(f"{i:04b}"[::-1], 2) + 1, SMALL.primes[0]) for i in range(16)]


def test_primes_are_prime_and_leave_one() -> None:
    assert [n for n in range(60) if primes.is_prime(n)] == [
        2,
        3,
        5,
        7,
        11,
        13,
        17,
        19,
        23,
        29,
        31,
        37,
        41,
        43,
        47,
        53,
        59,
    ]
    assert not primes.is_prime(3215031751)  # a strong pseudoprime to 2, 3, 5 and 7
    for each in PROFILES.values():
        assert len(set(each.keys.primes)) == len(each.bits)
        assert all(primes.is_prime(q) and q % (2 * each.degree) == 1 for q in each.keys.primes)


def test_polynomials_come_back_from_bytes_and_others_are_refused() -> None:
    a = samplers.uniform(SMALL, stream())
    assert np.array_equal(SMALL.read(SMALL.write(a)), a)
    with pytest.raises(Malformed, match="wrong length"):
        SMALL.read(SMALL.write(a)[:-8])
    a[1, 3] = SMALL.primes[1]
    with pytest.raises(Malformed, match="corrupted"):
        SMALL.read(SMALL.write(a))


@pytest.mark.parametrize("largest", [1.0, 1e5])
def test_numbers_come_back_from_polynomials(largest: float) -> None:
    slots = np.linspace(-largest, largest, T.slots)
    values = encoding.encode(T.result, slots, T.scale)
    assert np.abs(encoding.decode(T.result, values, T.scale) - slots).max() < 1e-14 * largest


def test_slots_multiply_one_by_one() -> None:
    a, b = (np.linspace(-2, x, S.slots) for x in (3, 5))
    ring, scale = S.fresh, 2.0**35
    product = ring.multiply(encoding.encode(ring, a, scale), encoding.encode(ring, b, scale))
    assert np.abs(encoding.decode(ring, product, scale * scale) - a * b).max() < 1e-7


@pytest.mark.parametrize(
    "bad", [np.full(S.slots, np.nan), np.full(S.slots, np.inf), np.zeros(3), np.full(S.slots, 1e9)]
)
def test_what_is_no_number_or_has_no_room_is_not_encoded(bad: np.ndarray) -> None:
    with pytest.raises(Invalid):
        encoding.encode(S.result, bad, S.scale)


def test_samplers_have_the_distribution_they_say() -> None:
    uniform = samplers.uniform(T.result, stream())
    for row, prime in zip(uniform, T.result.primes, strict=True):
        assert row.max() < prime
        assert abs(row.mean() / prime - 0.5) < 0.02
    ternary = samplers.ternary(1 << 16, stream())
    assert np.abs(np.bincount(ternary + 1) / ternary.size - 1 / 3).max() < 0.01
    error = samplers.error(1 << 16, stream())
    assert abs(error.std() - np.sqrt(10.5)) < 0.05
    assert abs(error.mean()) < 0.05
    for width in (2, 20, 32, 48):
        wide = samplers.wide(1 << 16, width, stream())
        assert abs(wide.std() / np.sqrt(4.0**width - 1) - 1) < 0.02
        assert abs(wide.mean()) < 0.02 * 2**width
        assert np.abs(wide).max() <= 6 * 2**width


def test_the_same_key_gives_the_same_polynomial_and_the_system_another() -> None:
    assert np.array_equal(samplers.uniform(SMALL, stream()), samplers.uniform(SMALL, stream()))
    one, other = (samplers.uniform(SMALL, SystemRandomness()) for _ in range(2))
    assert not np.array_equal(one, other)


def test_profiles_state_what_they_carry() -> None:
    for each in PROFILES.values():
        assert each.headroom >= 1
        assert profile(each.name) is each
    assert T.error() <= 1e-4
    assert T.cap == 1e4


def test_a_profile_whose_ratios_would_wrap_is_refused() -> None:
    with pytest.raises(Invalid, match="wrap"):
        Profile("X", 16384, (60, 50, 50, 50, 50, 60), 50, 4, cap=1e4, decimals=4, flood=20, share=10)


def test_a_profile_below_128_bits_of_security_is_refused() -> None:
    with pytest.raises(Invalid, match="security"):
        Profile("X", 8192, (60, 58, 58, 60), 58, 1, cap=1, decimals=4, flood=20, share=10)


def test_a_profile_without_levels_is_refused() -> None:
    with pytest.raises(Invalid, match="levels"):
        Profile("X", 16384, (60, 58, 60), 58, 4, cap=1, decimals=4, flood=20, share=10)


def test_there_is_no_other_profile() -> None:
    with pytest.raises(Invalid, match="no profile"):
        profile("Z")
