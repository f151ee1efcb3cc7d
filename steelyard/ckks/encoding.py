"""Slots and polynomials: N/2 real numbers as the values of a real polynomial at complex roots, in SEAL's order.

Slot i is the value at exp(pi sqrt(-1) 3^i / N).  A polynomial carries its numbers times a scale; every coefficient is
at most the largest number times the scale, which is what head-room is reckoned with.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from steelyard.ckks.ring import Residues, Ring
from steelyard.errors import Invalid

Slots = NDArray[np.float64]  # (N/2,)
_SPLIT = 40  # bits: a coefficient travels as high * 2^40 + low, each exact in a double and in 64 bits


def encode(ring: Ring, slots: Slots, scale: float) -> Residues:
    """The values of the polynomial of these numbers; raises Invalid for what is no number or has no room."""
    if slots.shape != (ring.degree // 2,) or not np.isfinite(slots).all():
        raise Invalid(f"{ring.degree // 2} finite numbers are encoded at once")
    if np.abs(slots).max(initial=0) * scale >= min(ring.modulus / 4, 2.0**100):
        raise Invalid("numbers that large have no room at this scale")
    coefficients = np.rint(_interpolated(slots) * scale)
    high = np.rint(np.ldexp(coefficients, -_SPLIT))
    low = coefficients - np.ldexp(high, _SPLIT)
    parts = [ring.residues(part.astype(np.int64)) for part in (high, low)]
    return ring.values(ring.add(ring.scale(1 << _SPLIT, parts[0]), parts[1]))


def decode(ring: Ring, values: Residues, scale: float) -> Slots:
    """The numbers, from residues that stand for coefficients below half of the modulus."""
    return evaluated(centred(ring, ring.coefficients(values)) / scale)


def evaluated(coefficients: NDArray[np.float64]) -> Slots:
    """The slots of a real polynomial."""
    degree = coefficients.size
    values = np.fft.ifft(coefficients * _twists(degree)) * degree
    return np.ascontiguousarray(values[_order(degree)].real)


def centred(ring: Ring, coefficients: Residues) -> NDArray[np.float64]:
    """(N,) the integers nearest to zero: mixed digits, each centred, so that small numbers are exact (Garner)."""
    digits: list[NDArray[np.int64]] = []
    for i, prime in enumerate(ring.primes):
        own, rest, weight = ring_of(ring, i), coefficients[i : i + 1], 1
        for j, digit in enumerate(digits):
            rest = own.subtract(rest, own.scale(weight, own.residues(digit)))
            weight = weight * ring.primes[j] % prime
        rest = own.scale(pow(weight, -1, prime), rest)[0]
        signed = rest.astype(np.int64)
        digits.append(np.where(signed > prime // 2, signed - prime, signed))
    total = np.zeros(ring.degree)
    for digit, prime in zip(reversed(digits), reversed(ring.primes), strict=True):
        total = total * float(prime) + digit
    return total


def ring_of(ring: Ring, index: int) -> Ring:
    """Modulo one of the primes alone."""
    return Ring(ring.degree, ring.primes[index : index + 1])


def _interpolated(slots: Slots) -> NDArray[np.float64]:
    degree = 2 * slots.size
    values = np.empty(degree, dtype=np.complex128)
    order = _order(degree)
    values[order] = slots
    values[degree - 1 - order] = slots  # the conjugate root
    coefficients: NDArray[np.float64] = (np.fft.fft(values) / degree * _twists(degree).conj()).real
    return coefficients


@cache
def _order(degree: int) -> NDArray[np.int64]:
    """(N/2,) which odd power 2k + 1 of the root slot i is at."""
    powers = np.empty(degree // 2, dtype=np.int64)
    power = 1
    for i in range(degree // 2):
        powers[i] = power >> 1
        power = power * 3 % (2 * degree)
    return powers


@cache
def _twists(degree: int) -> NDArray[np.complex128]:
    twists: NDArray[np.complex128] = np.exp(1j * np.pi * np.arange(degree) / degree)
    return twists
