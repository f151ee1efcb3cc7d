"""Polynomials modulo X^N + 1 and a product of primes, as arrays of residues: shape (primes, N), uint64.

"Values" are those at the odd powers of a root of unity, in SEAL's order; sums and products go entry by entry there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steelyard.ckks.primes import smallest_root
from steelyard.errors import Invalid, Malformed

Residues = NDArray[np.uint64]  # (primes, N)
WORD = 8  # bytes of one residue


@dataclass(frozen=True)
class Ring:
    """Polynomials of degree below `degree`, modulo each of `primes`."""

    degree: int
    primes: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.degree & (self.degree - 1) or any(p >> 60 or p % (2 * self.degree) != 1 for p in self.primes):
            raise Invalid("a ring takes a power of two and primes below 2^60 that leave 1 modulo twice that")

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.primes), self.degree

    @property
    def size(self) -> int:
        """Bytes of one polynomial."""
        return len(self.primes) * self.degree * WORD

    @property
    def modulus(self) -> int:
        product = 1
        for prime in self.primes:
            product *= prime
        return product

    def first(self, count: int) -> Ring:
        """The same polynomials modulo the first primes only."""
        return Ring(self.degree, self.primes[:count])

    def zeros(self) -> Residues:
        return np.zeros(self.shape, dtype=np.uint64)

    def add(self, a: Residues, b: Residues) -> Residues:
        return self._each(lambda i, q, out: _kernels().add(a[i], b[i], out, q))

    def subtract(self, a: Residues, b: Residues) -> Residues:
        return self._each(lambda i, q, out: _kernels().subtract(a[i], b[i], out, q))

    def negate(self, a: Residues) -> Residues:
        return self.subtract(self.zeros(), a)

    def multiply(self, a: Residues, b: Residues) -> Residues:
        return self._each(lambda i, q, out: _kernels().multiply(a[i], b[i], out, q, *_barrett(q)))

    def multiply_add(self, a: Residues, b: Residues, total: Residues) -> Residues:
        """a * b + total, in a new array."""
        out = total.copy()
        for i, q in enumerate(self.primes):
            _kernels().multiply_add(a[i], b[i], out[i], q, *_barrett(q))
        return out

    def scale(self, factors: int | Sequence[int], a: Residues) -> Residues:
        """A public integer, or one for each prime, times the polynomial."""
        each = [factors] * len(self.primes) if isinstance(factors, int) else factors
        return self._each(lambda i, q, out: _kernels().scale(a[i], each[i] % q, out, q, *_barrett(q)))

    def total(self, terms: Sequence[Residues]) -> Residues:
        if not terms:
            return self.zeros()
        result = terms[0]
        for term in terms[1:]:
            result = self.add(result, term)
        return result

    def residues(self, coefficients: NDArray[np.int64]) -> Residues:
        """Small integers modulo every prime; still coefficients."""
        return self._each(lambda i, q, out: _kernels().from_signed(coefficients, out, q))

    def values(self, coefficients: Residues) -> Residues:
        out = coefficients.copy()
        for row, q in zip(out, self.primes, strict=True):
            roots = _roots(self.degree, q)
            _kernels().transform(row, roots.forward, roots.forward_shoup, q)
        return out

    def coefficients(self, values: Residues) -> Residues:
        out = values.copy()
        for row, q in zip(out, self.primes, strict=True):
            roots = _roots(self.degree, q)
            _kernels().invert(row, roots.inverse, roots.inverse_shoup, q, roots.by, roots.by_shoup)
        return out

    def values_of(self, coefficients: NDArray[np.int64]) -> Residues:
        return self.values(self.residues(coefficients))

    def constant(self, residues: Sequence[int]) -> Residues:
        """The values of a constant polynomial, given modulo each prime."""
        column = np.array([int(each) % q for each, q in zip(residues, self.primes, strict=True)], dtype=np.uint64)
        return np.ascontiguousarray(np.broadcast_to(column[:, None], self.shape))

    def read(self, data: bytes | bytearray | memoryview) -> Residues:
        """The inverse of `write`; raises Malformed for another length and for residues that are none."""
        view = memoryview(data).cast("B")
        if len(view) != self.size:
            raise Malformed("a polynomial of the wrong length: it is not of this profile")
        out = np.frombuffer(view, dtype="<u8").astype(np.uint64).reshape(self.shape)
        if any((row >= np.uint64(q)).any() for row, q in zip(out, self.primes, strict=True)):
            raise Malformed("a polynomial with residues that are not below their prime: it is corrupted")
        return out

    def write(self, a: Residues) -> bytes:
        if a.shape != self.shape:
            raise Invalid("a polynomial of another ring")
        return a.astype("<u8", copy=False).tobytes()

    def _each(self, fill: Any) -> Residues:
        out = np.empty(self.shape, dtype=np.uint64)
        for i, q in enumerate(self.primes):
            fill(i, q, out[i])
        return out


@dataclass(frozen=True)
class _Roots:
    forward: NDArray[np.uint64]
    forward_shoup: NDArray[np.uint64]
    inverse: NDArray[np.uint64]
    inverse_shoup: NDArray[np.uint64]
    by: int
    by_shoup: int


@cache
def _kernels() -> ModuleType:
    """Loaded when first used: a worker's process uses none, and numba takes half a second to load."""
    from steelyard.ckks import ring_kernels

    return ring_kernels


@cache
def _barrett(prime: int) -> tuple[int, int]:
    bits = prime.bit_length()
    return (1 << 2 * bits) // prime, bits


@cache
def _roots(degree: int, prime: int) -> _Roots:
    root = smallest_root(degree, prime)
    inverse_degree = pow(degree, -1, prime)
    forward, inverse = (_powers(degree, prime, each) for each in (root, pow(root, -1, prime)))
    return _Roots(
        forward,
        _shoup(forward, prime),
        inverse,
        _shoup(inverse, prime),
        by=inverse_degree,
        by_shoup=(inverse_degree << 64) // prime,
    )


def _powers(degree: int, prime: int, root: int) -> NDArray[np.uint64]:
    """At i, the root to the power of the bits of i reversed."""
    powers = np.empty(degree, dtype=np.uint64)
    _kernels().powers(root, powers, prime, *_barrett(prime))
    order = np.zeros(1, dtype=np.int64)
    while order.size < degree:
        order = np.concatenate([2 * order, 2 * order + 1])
    return powers[order]


def _shoup(factors: NDArray[np.uint64], prime: int) -> NDArray[np.uint64]:
    """floor(2^64 w / q) of each."""
    out = np.empty_like(factors)
    _kernels().shoup(factors, out, prime)
    return out
