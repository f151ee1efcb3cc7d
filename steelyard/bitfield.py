"""Bit-sliced vectors over GF(2^m), m = 2..5: shares of bits, 64 instances to a machine word.

A share of `rows` bit vectors is a uint64 array (m, rows, words): plane p holds the coefficient of x^p of every
instance.  Addition is XOR (`^` of arrays); a bit is the element 0 or 1.  Everything linear over GF(2) (a multiplication
by a public element, an interpolation, a dealing) is a 0/1 matrix that maps planes to planes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard import bit_kernels as kernels
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector

Bits = NDArray[np.uint64]  # (m, rows, words), or (rows, words) where every element is a bit in the clear
Matrix = NDArray[np.uint8]  # over GF(2)

WORD: Final = 64  # instances
MODULI: Final = {2: 0b111, 3: 0b1011, 4: 0b10011, 5: 0b100101}  # irreducible polynomials


def degree(parties: int) -> int:
    """m, the smallest degree of a field with a non-zero point for each of up to 31 parties."""
    return next(m for m in MODULI if parties < 1 << m)


def words(count: int) -> int:
    """How many machine words hold `count` instances."""
    return -(-count // WORD)


# ---- elements ------------------------------------------------------------------------------------------------------


def multiply(a: int, b: int, m: int) -> int:
    """The product of two elements, as integers whose bits are coefficients."""
    result = 0
    while b:
        result ^= a if b & 1 else 0
        b >>= 1
        a <<= 1
        a ^= MODULI[m] if a >> m else 0
    return result


def inverse(a: int, m: int) -> int:
    """Raises Invalid for zero."""
    result = next((x for x in range(1, 1 << m) if multiply(a, x, m) == 1), None)
    if result is None:
        raise Invalid("zero has no inverse")
    return result


def lagrange(points: Sequence[int], m: int, at: int = 0) -> list[int]:
    """Weights w with f(at) = sum of w[j] * f(points[j]) for every f of degree below len(points)."""
    return list(_lagrange(tuple(points), m, at))


@lru_cache(maxsize=1024)
def _lagrange(points: tuple[int, ...], m: int, at: int) -> tuple[int, ...]:
    if len(set(points)) != len(points) or not points:
        raise Invalid("interpolation needs distinct points")
    return tuple(_weight(points, own, m, at) for own in points)


def _weight(points: Sequence[int], own: int, m: int, at: int) -> int:
    numerator = denominator = 1
    for x in points:
        if x != own:
            numerator = multiply(numerator, at ^ x, m)
            denominator = multiply(denominator, own ^ x, m)
    return multiply(numerator, inverse(denominator, m), m)


def column(element: int, m: int) -> list[int]:
    """An element's coefficients."""
    return [element >> p & 1 for p in range(m)]


def scaling(element: int, m: int) -> Matrix:
    """The matrix of multiplication by a public element."""
    columns = [column(multiply(element, 1 << p, m), m) for p in range(m)]
    return np.array(columns, dtype=np.uint8).T.copy()


@lru_cache(maxsize=256)
def product_form(element: int, m: int) -> Matrix:
    """The bilinear form (a, b) -> lowest coefficient of element * a * b."""
    entries = [[multiply(element, multiply(1 << p, 1 << q, m), m) & 1 for q in range(m)] for p in range(m)]
    form = np.array(entries, dtype=np.uint8)
    form.flags.writeable = False
    return form


# ---- vectors -------------------------------------------------------------------------------------------------------


def slice_bits(values: Vector, planes: int) -> Bits:
    """(count,) numbers to (planes, words): row b is bit b of every number, padded with zeros."""
    out = np.empty((planes, words(values.size)), dtype=np.uint64)
    kernels.slice_bits(np.ascontiguousarray(values), out)
    return out


def join_bits(planes: Bits, count: int) -> Vector:
    """The inverse of `slice_bits`."""
    if words(count) != planes.shape[1] or planes.shape[0] > WORD:
        raise Invalid("these planes do not hold so many numbers")
    out = np.empty(count, dtype=np.uint64)
    kernels.join_bits(np.ascontiguousarray(planes), out)
    return out


def map_rows(matrix: Matrix, rows: Bits) -> Bits:
    """(outputs, words): each output is the sum of the rows that `matrix` (outputs, rows) selects."""
    out = np.zeros((matrix.shape[0], rows.shape[1]), dtype=np.uint64)
    add_mapped(matrix, rows, out)
    return out


def add_mapped(matrix: Matrix, rows: Bits, out: Bits) -> None:
    """Adds to `out` what `map_rows` returns."""
    if matrix.shape != (out.shape[0], rows.shape[0]) or rows.shape[1] != out.shape[1]:
        raise Invalid("this matrix does not fit these rows")
    kernels.add_mapped(matrix, np.ascontiguousarray(rows), out)


def set_mapped(matrix: Matrix, rows: Bits, count: int, out: Bits, start: int) -> None:
    """Puts what `map_rows` returns for the first `count` words into `out`, from word `start` on."""
    if matrix.shape != (out.shape[0], rows.shape[0]) or not 0 <= start <= start + count <= out.shape[1]:
        raise Invalid("this matrix does not fit these rows")
    if count > rows.shape[1]:
        raise Invalid("these rows are shorter")
    kernels.set_mapped(matrix, rows, count, out, start)


def add_products(form: Matrix, a: Bits, b: Bits, terms: NDArray[np.int64], out: Bits) -> None:
    """out[g] ^= form(a[:, i], b[:, j]) for every term (g, i, j); `a` and `b` are shares (m, rows, words)."""
    bounds = (out.shape[0], a.shape[1], b.shape[1])
    if terms.size and (terms.min() < 0 or (terms.max(axis=0) >= bounds).any()):
        raise Invalid("a term names a row that is not there")
    if not a.shape[0] == b.shape[0] == form.shape[0] or not a.shape[2] == b.shape[2] == out.shape[1]:
        raise Invalid("these shares do not fit together")
    kernels.add_products(form, np.ascontiguousarray(a), np.ascontiguousarray(b), terms, out)


def thermometer(bits: Bits) -> Bits:
    """(b, words), lowest bit first, to (2^b - 1, words): row t - 1 says whether the number is at least t."""
    out = np.empty(((1 << bits.shape[0]) - 1, bits.shape[1]), dtype=np.uint64)
    kernels.thermometer(np.ascontiguousarray(bits), out)
    return out


def one_hot(bits: Bits) -> Bits:
    """(b, words), lowest bit first, to (2^b - 1, words): row t says whether the number is t; the last is left out."""
    at_least = thermometer(bits)
    out = np.empty_like(at_least)
    np.invert(at_least[0], out=out[0])
    np.bitwise_xor(at_least[:-1], at_least[1:], out=out[1:])
    return out


def flipped(bits: Bits) -> Bits:
    """NOT, of a share (m, rows, words): every party adds one to its share."""
    out = bits.copy()
    out[0] = ~out[0]
    return out


def to_bytes(rows: Bits) -> memoryview:
    """Little-endian words, without a copy where the machine is little-endian."""
    return np.ascontiguousarray(rows).astype("<u8", copy=False).data.cast("B")


def from_bytes(buffer: bytes | bytearray | memoryview, rows: int, width: int) -> Bits:
    """(rows, width) words; raises Malformed for another length."""
    view = memoryview(buffer).cast("B")
    if len(view) != 8 * rows * width:
        raise Malformed("a vector of bits has the wrong length")
    return np.frombuffer(view, dtype="<u8").astype(np.uint64, copy=False).reshape(rows, width)
