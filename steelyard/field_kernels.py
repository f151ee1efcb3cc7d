"""The loops over GF(2^61-1), compiled by numba; `steelyard.field` is the door to them and checks what goes in.

Three ways to multiply, each the fastest for its use (nanoseconds per product on one AVX-512 core):
* `mix` (0.8): a public coefficient times a vector, in 30/31-bit limbs.  The vector code is written as LLVM IR because
  the coefficient must be seen by the compiler as 32 bits wide in every iteration; then it emits one 32x32->64 multiply
  per limb pair (vpmuludq, SSE2 and NEON alike), where numba's own loop falls back to slow 64x64->64 multiplies.
* `multiply` (1.2): vector times vector, the same limbs, vectorised by the compiler itself.
* `_multiply_add`: one 64x64->128 multiply, for sums of products that are reduced only once every 32 terms.

Kernels release the GIL, use no floating point and have no branch that depends on a secret.
"""

from __future__ import annotations

from collections.abc import Callable
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

_P: Final = np.uint64(2**61 - 1)
_MASK_30: Final = np.uint64(2**30 - 1)
_MASK_31: Final = np.uint64(2**31 - 1)
_0, _1, _2, _3, _8, _30, _31, _58, _61 = (np.uint64(each) for each in (0, 1, 2, 3, 8, 30, 31, 58, 61))
_LANES: Final = 16  # two AVX-512 registers, or four of AVX2: enough independent work to hide latencies
STRIP: Final = 1024
_STRIP: Final = np.uint64(STRIP)  # elements: operands of one strip stay in the first-level cache
_TERMS: Final = np.uint64(32)  # products of two field elements that safely add up in 128 bits (64 would just fit)
_WIDE: Final = np.uint64(8 * _LANES)  # bytes of one vector step
_LIMBS: Final = np.uint64(16)  # bytes of one coefficient in limbs

_WORD = types.uint64
_PAIR: Any = cast(Any, types.UniTuple)(_WORD, 2)
_IN = types.Array(types.uint64, 1, "C", readonly=True)
_OUT = types.Array(types.uint64, 1, "C")
_COEFFICIENTS = types.Array(types.uint32, 3, "C", readonly=True)
_SIGNED_IN = types.Array(types.int64, 1, "C", readonly=True)
_SIGNED_OUT = types.Array(types.int64, 1, "C")


# ---- pieces, inlined into the kernels -----------------------------------------------------------------------------


def _emit_multiply_add(typing: Any, high: Any, low: Any, a: Any, b: Any) -> Any:
    """(high, low) + a * b in 128 bits."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, double = ir.IntType(64), ir.IntType(128)
        high, low, a, b = (builder.zext(each, double) for each in arguments)
        shift = ir.Constant(double, 64)
        summed = builder.add(builder.or_(builder.shl(high, shift), low), builder.mul(a, b))
        parts = [builder.trunc(builder.lshr(summed, shift), word), builder.trunc(summed, word)]
        return _pack(builder, parts)

    return _PAIR(_WORD, _WORD, _WORD, _WORD), emit


def _emit_axpy(lanes: int) -> Callable[..., Any]:
    """`lanes` elements of out = before + c * source, reduced; all four arguments are addresses."""

    def axpy(typing: Any, out: Any, before: Any, source: Any, limbs: Any) -> Any:
        return types.void(_WORD, _WORD, _WORD, _WORD), emit

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, before, source, limbs = arguments
        vector = ir.VectorType(ir.IntType(64), lanes)
        v = _load(builder, source, vector)
        low_part = builder.and_(v, _splat(vector, 2**31 - 1))
        high_part = builder.and_(builder.lshr(v, _splat(vector, 31)), _splat(vector, 2**31 - 1))
        c0, c1, d0, d1 = (_broadcast(builder, limbs, index, vector) for index in range(4))
        # c = c0 + 2^30 c1 and d = 2^31 c mod P, so c * v = low + 2^30 high with low, high < 2^63
        low = builder.add(builder.mul(c0, low_part), builder.mul(d0, high_part))
        high = builder.add(builder.mul(c1, low_part), builder.mul(d1, high_part))
        wrapped = builder.lshr(high, _splat(vector, 31))  # 2^30 * 2^31 = 1
        shifted = builder.shl(builder.and_(high, _splat(vector, 2**31 - 1)), _splat(vector, 30))
        product = builder.add(builder.add(low, wrapped), shifted)  # < 2^62 + 2^61 + 2^32
        x = builder.add(product, _load(builder, before, vector))
        x = builder.add(builder.and_(x, _splat(vector, 2**61 - 1)), builder.lshr(x, _splat(vector, 61)))
        less = builder.sub(x, _splat(vector, 2**61 - 1))
        x = builder.select(builder.icmp_unsigned("<", x, less), x, less)
        builder.store(x, builder.inttoptr(out, vector.as_pointer())).align = 8
        return context.get_dummy_value()

    return axpy


def _splat(vector: Any, value: int) -> Any:
    return ir.Constant(vector, [value] * vector.count)


def _load(builder: Any, address: Any, vector: Any) -> Any:
    loaded = builder.load(builder.inttoptr(address, vector.as_pointer()))
    loaded.align = 8
    return loaded


def _broadcast(builder: Any, limbs: Any, index: int, vector: Any) -> Any:
    """Limb `index` in every lane.  The load stays inside the loop, where the compiler sees that 32 bits are enough."""
    narrow, word = ir.IntType(32), ir.IntType(64)
    place = builder.gep(builder.inttoptr(limbs, narrow.as_pointer()), [ir.Constant(word, index)])
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, builder.zext(builder.load(place), word), ir.Constant(narrow, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(narrow, vector.count), [0] * vector.count))


_multiply_add: Any = intrinsic(_emit_multiply_add)
_axpy: Any = intrinsic(_emit_axpy(_LANES))
_axpy_one: Any = intrinsic(_emit_axpy(1))


def _reduce_64(x: np.uint64) -> np.uint64:
    folded = (x & _P) + (x >> _61)
    less = folded - _P  # unsigned: wraps and becomes large where folded < P
    return less if less < folded else folded


def _reduce_128(high: np.uint64, low: np.uint64) -> np.uint64:
    folded: np.uint64 = _reduced((low & _P) + ((low >> _61) | ((high << _3) & _P)) + (high >> _58))
    return folded


_reduced: Any = numba.njit(_reduce_64, inline="always")
_reduced_128: Any = numba.njit(_reduce_128, inline="always")


# ---- kernels ------------------------------------------------------------------------------------------------------


@kernel(types.void, _IN, _IN, _OUT)
def add(a: NDArray[np.uint64], b: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    for i in range(out.size):
        x = a[i] + b[i]
        out[i] = min(x, x - _P)


@kernel(types.void, _IN, _IN, _OUT)
def subtract(a: NDArray[np.uint64], b: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    for i in range(out.size):
        x = a[i] - b[i]
        out[i] = min(x, x + _P)


@kernel(types.void, _OUT, _IN)
def accumulate(into: NDArray[np.uint64], vector: NDArray[np.uint64]) -> None:
    for i in range(into.size):  # not add(into, vector, into): the compiler would not vectorise that
        x = into[i] + vector[i]
        into[i] = min(x, x - _P)


@kernel(types.void, _OUT, _IN)
def deduct(into: NDArray[np.uint64], vector: NDArray[np.uint64]) -> None:
    for i in range(into.size):
        x = into[i] - vector[i]
        into[i] = min(x, x + _P)


@kernel(types.void, _IN, _IN, _OUT)
def multiply(a: NDArray[np.uint64], b: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    for i in range(out.size):
        a0, a1, b0, b1 = a[i] & _MASK_31, (a[i] >> _31) & _MASK_30, b[i] & _MASK_31, (b[i] >> _31) & _MASK_30
        middle = a0 * b1 + a1 * b0  # < 2^62, worth 2^31
        out[i] = _reduced(a0 * b0 + ((a1 * b1) << _1) + (middle >> _30) + ((middle & _MASK_30) << _31))


@kernel(_WORD, _IN, _IN)
def dot(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> np.uint64:
    result = _0
    for start in range(_0, np.uint64(a.size), _TERMS):
        high, low = _0, result
        for i in range(start, min(start + _TERMS, np.uint64(a.size))):
            high, low = _multiply_add(high, low, a[i], b[i])
        result = _reduced_128(high, low)
    return result


@kernel(types.void, _COEFFICIENTS, _WORD, _IN, _WORD, _IN, _WORD, _WORD, _IN)
def mix(
    limbs: NDArray[np.uint32],
    base: int,
    inputs: NDArray[np.uint64],
    inputs_start: int,
    outputs: NDArray[np.uint64],
    outputs_start: int,
    count: int,
    zeros: NDArray[np.uint64],
) -> None:
    """outputs[o][i] = base[i] + sum over j of limbs[o, j] * inputs[j][i], one pass through memory.

    `base` (0 for none), `inputs` and `outputs` are addresses, the starts offsets in bytes; base runs with the outputs.
    `zeros` are STRIP of them: an array made here would be freed once its address is taken.
    """
    nothing = np.uint64(zeros.ctypes.data)
    coefficients = np.uint64(limbs.ctypes.data)
    terms = np.uint64(inputs.size)
    for start in range(_0, _8 * np.uint64(count), _8 * _STRIP):
        size = min(_8 * _STRIP, _8 * np.uint64(count) - start)
        wide = size - size % _WIDE
        for o in range(_0, np.uint64(outputs.size)):
            out = outputs[o] + np.uint64(outputs_start) + start
            before = nothing if base == 0 else np.uint64(base) + np.uint64(outputs_start) + start
            for j in range(_0, terms):
                source = inputs[j] + np.uint64(inputs_start) + start
                coefficient = coefficients + (o * terms + j) * _LIMBS
                for i in range(_0, wide, _WIDE):
                    _axpy(out + i, before + i, source + i, coefficient)
                for i in range(wide, size, _8):
                    _axpy_one(out + i, before + i, source + i, coefficient)
                before = out


@kernel(_WORD, _IN, _OUT)
def mask(words: NDArray[np.uint64], out: NDArray[np.uint64]) -> int:
    """The low 61 bits of each word; returns how many of them are P, which is no field element."""
    refused = _0
    for i in range(out.size):
        x = words[i] & _P
        out[i] = x
        refused += np.uint64(x == _P)
    return int(refused)


@kernel(_WORD, _IN)
def unreduced(vector: NDArray[np.uint64]) -> int:
    """How many values are P or more."""
    found = _0
    for i in range(vector.size):
        found += np.uint64(vector[i] >= _P)
    return int(found)


@kernel(_WORD, _SIGNED_IN, _OUT)
def from_signed(values: NDArray[np.int64], out: NDArray[np.uint64]) -> int:
    """v mod P; returns how many values lie outside -(P//2)..P//2."""
    refused = _0
    half = np.int64(2**60 - 1)
    for i in range(out.size):
        v = values[i]
        out[i] = np.uint64(v + (v >> 63 & np.int64(2**61 - 1)))
        refused += np.uint64((v > half) | (v < -half))
    return int(refused)


@kernel(types.void, _IN, _SIGNED_OUT)
def to_signed(vector: NDArray[np.uint64], out: NDArray[np.int64]) -> None:
    for i in range(out.size):
        v = np.int64(vector[i])
        out[i] = v - np.int64(2**61 - 1) if v >= np.int64(2**60) else v


@kernel(types.void, _IN, _IN, _IN, _OUT)
def bilinear(
    vector: NDArray[np.uint64], rows: NDArray[np.uint64], columns: NDArray[np.uint64], out: NDArray[np.uint64]
) -> None:
    """out[t] = sum over i of rows[3 r + t] * columns[3 c + t] * vector[i], t = 0..2, where r, c = divmod(i, width).

    The width is a third of the length of `columns`.  Three sums at a time, so that none waits for its own carries.
    """
    width, size = np.uint64(columns.size) // _3, np.uint64(vector.size)
    total0, total1, total2 = _0, _0, _0
    for r in range(_0, np.uint64(rows.size) // _3):
        begin, end = r * width, min(r * width + width, size)
        x0, x1, x2 = _0, _0, _0
        for start in range(begin, end, _TERMS):
            h0, h1, h2 = _0, _0, _0
            for i in range(start, min(start + _TERMS, end)):
                v, c = vector[i], _3 * (i - begin)
                h0, x0 = _multiply_add(h0, x0, columns[c], v)
                h1, x1 = _multiply_add(h1, x1, columns[c + _1], v)
                h2, x2 = _multiply_add(h2, x2, columns[c + _2], v)
            x0, x1, x2 = _reduced_128(h0, x0), _reduced_128(h1, x1), _reduced_128(h2, x2)
        h0, x0 = _multiply_add(_0, total0, rows[_3 * r], x0)
        h1, x1 = _multiply_add(_0, total1, rows[_3 * r + _1], x1)
        h2, x2 = _multiply_add(_0, total2, rows[_3 * r + _2], x2)
        total0, total1, total2 = _reduced_128(h0, x0), _reduced_128(h1, x1), _reduced_128(h2, x2)
    out[0], out[1], out[2] = total0, total1, total2
