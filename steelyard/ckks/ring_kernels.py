"""The loops over residues modulo primes of up to 60 bits, compiled by numba; `steelyard.ckks.ring` is the door to them.

Products are exact in 128 bits (one 64x64->128 multiply); reduction is Barrett's, and Shoup's in the transform, where
one factor is known beforehand.  No floating point, no branch that depends on a secret.
"""

from __future__ import annotations

from typing import Any, Final, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from steelyard.kernel import kernel

_pack: Any = cgutils.pack_array
_WORD = types.uint64
_PAIR: Any = cast(Any, types.UniTuple)(_WORD, 2)
_IN = types.Array(types.uint64, 1, "C", readonly=True)
_OUT = types.Array(types.uint64, 1, "C")
_SIGNED = types.Array(types.int64, 1, "C", readonly=True)
_1: Final = np.uint64(1)
_2: Final = np.uint64(2)
_64: Final = np.uint64(64)


def _emit_wide(typing: Any, a: Any, b: Any) -> Any:
    """(high, low) words of a * b."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, double = ir.IntType(64), ir.IntType(128)
        a, b = (builder.zext(each, double) for each in arguments)
        product = builder.mul(a, b)
        high = builder.trunc(builder.lshr(product, ir.Constant(double, 64)), word)
        return _pack(builder, [high, builder.trunc(product, word)])

    return _PAIR(_WORD, _WORD), emit


_wide: Any = intrinsic(_emit_wide)


def _product_of(a: np.uint64, b: np.uint64, q: np.uint64, mu: np.uint64, bits: np.uint64) -> np.uint64:
    """a * b mod q for a, b < q < 2^bits <= 2^60 and mu = floor(4^bits / q): the quotient is at most 2 too small."""
    high, low = _wide(a, b)
    top = (high << (_64 - (bits - _1))) | (low >> (bits - _1))
    high, mid = _wide(top, mu)
    quotient = (high << (_64 - (bits + _1))) | (mid >> (bits + _1))
    rest = low - quotient * q
    rest = min(rest, rest - _2 * q)
    result: np.uint64 = min(rest, rest - q)
    return result


def _by_constant(a: np.uint64, w: np.uint64, shoup: np.uint64, q: np.uint64) -> np.uint64:
    """a * w mod q, below 2q, for any a and shoup = floor(2^64 w / q)."""
    high, _ = _wide(a, shoup)
    result: np.uint64 = a * w - high * q
    return result


_product: Any = numba.njit(_product_of, inline="always")
_times: Any = numba.njit(_by_constant, inline="always")


@kernel(types.void, _IN, _IN, _OUT, _WORD)
def add(a: NDArray[np.uint64], b: NDArray[np.uint64], out: NDArray[np.uint64], q: int) -> None:
    for i in range(out.size):
        x = a[i] + b[i]
        out[i] = min(x, x - q)


@kernel(types.void, _IN, _IN, _OUT, _WORD)
def subtract(a: NDArray[np.uint64], b: NDArray[np.uint64], out: NDArray[np.uint64], q: int) -> None:
    for i in range(out.size):
        x = a[i] - b[i]
        out[i] = min(x, x + q)


@kernel(types.void, _IN, _IN, _OUT, _WORD, _WORD, _WORD)
def multiply(a: NDArray[np.uint64], b: NDArray[np.uint64], out: NDArray[np.uint64], q: int, mu: int, bits: int) -> None:
    for i in range(out.size):
        out[i] = _product(a[i], b[i], q, mu, bits)


@kernel(types.void, _IN, _IN, _OUT, _WORD, _WORD, _WORD)
def multiply_add(
    a: NDArray[np.uint64], b: NDArray[np.uint64], out: NDArray[np.uint64], q: int, mu: int, bits: int
) -> None:
    """out += a * b."""
    for i in range(out.size):
        x = out[i] + _product(a[i], b[i], q, mu, bits)
        out[i] = min(x, x - q)


@kernel(types.void, _IN, _WORD, _OUT, _WORD, _WORD, _WORD)
def scale(a: NDArray[np.uint64], factor: int, out: NDArray[np.uint64], q: int, mu: int, bits: int) -> None:
    for i in range(out.size):
        out[i] = _product(a[i], factor, q, mu, bits)


@kernel(types.void, _SIGNED, _OUT, _WORD)
def from_signed(values: NDArray[np.int64], out: NDArray[np.uint64], q: int) -> None:
    """v mod q for any 64-bit v."""
    modulus = np.int64(q)
    for i in range(out.size):
        rest = values[i] % modulus
        out[i] = np.uint64(rest + (modulus & (rest >> 63)))


@kernel(types.void, _WORD, _OUT, _WORD, _WORD, _WORD)
def powers(root: int, out: NDArray[np.uint64], q: int, mu: int, bits: int) -> None:
    """1, root, root^2, ..."""
    x = _1
    for i in range(out.size):
        out[i] = x
        x = _product(x, np.uint64(root), q, mu, bits)


@kernel(types.void, _IN, _OUT, _WORD)
def shoup(factors: NDArray[np.uint64], out: NDArray[np.uint64], q: int) -> None:
    """floor(2^64 w / q) of public factors w < q, by long division."""
    for i in range(out.size):
        rest, quotient = factors[i], np.uint64(0)
        for _ in range(64):
            rest, quotient = rest << _1, quotient << _1
            if rest >= q:
                rest, quotient = rest - q, quotient + _1
        out[i] = quotient


@kernel(types.void, _OUT, _IN, _IN, _WORD)
def transform(a: NDArray[np.uint64], roots: NDArray[np.uint64], shoup: NDArray[np.uint64], q: int) -> None:
    """In place: coefficients to values at the odd powers of the root, in bit-reversed order (as SEAL keeps them).

    `roots[i]` is the root to the bit-reversed power i.
    """
    size, twice = np.uint64(a.size), _2 * np.uint64(q)
    gap, blocks = size >> _1, _1
    while gap > np.uint64(0):
        for block in range(np.uint64(0), blocks):
            w, v = roots[blocks + block], shoup[blocks + block]
            start = _2 * block * gap
            for j in range(start, start + gap):  # values stay below 4q
                x = min(a[j], a[j] - twice)
                y = _times(a[j + gap], w, v, q)
                a[j], a[j + gap] = x + y, x + twice - y
        gap, blocks = gap >> _1, blocks << _1
    for j in range(a.size):
        x = min(a[j], a[j] - twice)
        a[j] = min(x, x - q)


@kernel(types.void, _OUT, _IN, _IN, _WORD, _WORD, _WORD)
def invert(
    a: NDArray[np.uint64], roots: NDArray[np.uint64], shoup: NDArray[np.uint64], q: int, by: int, by_shoup: int
) -> None:
    """The inverse of `transform`; `roots[i]` are the inverses of its roots, `by` is that of the size."""
    size, twice = np.uint64(a.size), _2 * np.uint64(q)
    gap, blocks = _1, size >> _1
    while blocks > np.uint64(0):
        for block in range(np.uint64(0), blocks):
            w, v = roots[blocks + block], shoup[blocks + block]
            start = _2 * block * gap
            for j in range(start, start + gap):  # values stay below 2q
                x, y = a[j], a[j + gap]
                total = x + y
                a[j] = min(total, total - twice)
                a[j + gap] = _times(x + twice - y, w, v, q)
        gap, blocks = gap << _1, blocks >> _1
    for j in range(a.size):
        x = _times(a[j], by, by_shoup, q)
        a[j] = min(x, x - q)
