"""The loops over bit-sliced vectors, compiled by numba; `steelyard.bitfield` is the door to them.

A *plane* holds one bit of every instance, 64 instances to a word.  Arrays are planes or rows of planes, words last; a
loop over the words of one row is what the compiler vectorises, and rows are short enough to stay in the caches.

Kernels release the GIL and have no branch that depends on a secret: matrices and lists of terms are public.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from steelyard.kernel import kernel

Words = NDArray[np.uint64]

_WORD: Final = np.uint64(64)
_LANES: Final = 8  # 64x64 blocks that are transposed side by side: one AVX-512 register
_STRIP: Final = 1024  # words of a row that are worked on at a time

_ROW_IN = types.Array(types.uint64, 1, "C", readonly=True)
_ROW_OUT = types.Array(types.uint64, 1, "C")
_ROWS_IN = types.Array(types.uint64, 2, "C", readonly=True)
_ROWS_OUT = types.Array(types.uint64, 2, "C")
_PLANES_IN = types.Array(types.uint64, 3, "C", readonly=True)
_MATRIX = types.Array(types.uint8, 2, "C", readonly=True)
_TERMS = types.Array(types.int64, 2, "C", readonly=True)


@kernel(types.void, _ROWS_OUT)
def _transpose(block: Words) -> None:
    """Transposes 64x64 bit matrices lying side by side (Hacker's Delight 7-3, with bit 0 in the lowest place)."""
    j, mask = 32, np.uint64(0x00000000FFFFFFFF)
    while j:
        for k in range(64):
            if k & j:
                continue
            for lane in range(_LANES):
                upper = block[k, lane]
                swap = ((upper >> np.uint64(j)) ^ block[k + j, lane]) & mask
                block[k + j, lane] ^= swap
                block[k, lane] = upper ^ (swap << np.uint64(j))
        j >>= 1
        mask ^= mask << np.uint64(j)


@kernel(types.void, _ROW_IN, _ROWS_OUT)
def slice_bits(values: Words, planes: Words) -> None:
    """planes[b] gets bit b of every value; instances beyond the last value are zero.  At most 64 planes."""
    block = np.empty((64, _LANES), dtype=np.uint64)
    for start in range(0, planes.shape[1], _LANES):
        lanes = min(_LANES, planes.shape[1] - start)
        block[:] = np.uint64(0)
        for lane in range(lanes):
            first = 64 * (start + lane)
            for i in range(max(0, min(64, values.size - first))):
                block[i, lane] = values[first + i]
        _transpose(block)
        for b in range(planes.shape[0]):
            for lane in range(lanes):
                planes[b, start + lane] = block[b, lane]


@kernel(types.void, _ROWS_IN, _ROW_OUT)
def join_bits(planes: Words, values: Words) -> None:
    """The inverse of `slice_bits`: bit b of values[i] is instance i of plane b."""
    block = np.empty((64, _LANES), dtype=np.uint64)
    for start in range(0, planes.shape[1], _LANES):
        lanes = min(_LANES, planes.shape[1] - start)
        block[:] = np.uint64(0)
        for b in range(planes.shape[0]):
            for lane in range(lanes):
                block[b, lane] = planes[b, start + lane]
        _transpose(block)
        for lane in range(lanes):
            first = 64 * (start + lane)
            for i in range(max(0, min(64, values.size - first))):
                values[first + i] = block[i, lane]


@kernel(types.void, _ROW_IN, _ROW_OUT)
def _add(row: Words, out: Words) -> None:
    for w in range(out.size):
        out[w] ^= row[w]


@kernel(types.void, _ROW_IN, _ROW_IN, _ROW_OUT)
def _add_and(a: Words, b: Words, out: Words) -> None:
    for w in range(out.size):
        out[w] ^= a[w] & b[w]


@kernel(types.void, _MATRIX, _ROWS_IN, _ROWS_OUT)
def add_mapped(matrix: NDArray[np.uint8], rows: Words, out: Words) -> None:
    """out[o] ^= sum over s of matrix[o, s] * rows[s], over GF(2)."""
    for start in range(0, out.shape[1], _STRIP):
        end = min(start + _STRIP, out.shape[1])
        for o in range(out.shape[0]):
            for s in range(rows.shape[0]):
                if matrix[o, s]:
                    _add(rows[s, start:end], out[o, start:end])


@kernel(types.void, _MATRIX, _ROWS_IN, types.int64, _ROWS_OUT, types.int64)
def set_mapped(matrix: NDArray[np.uint8], rows: Words, count: int, out: Words, start: int) -> None:
    """out[o, start : start + count] = sum over s of matrix[o, s] * rows[s, :count], over GF(2)."""
    for begin in range(0, count, _STRIP):
        end = min(begin + _STRIP, count)
        for o in range(out.shape[0]):
            target = out[o, start + begin : start + end]
            target[:] = np.uint64(0)
            for s in range(rows.shape[0]):
                if matrix[o, s]:
                    _add(rows[s, begin:end], target)


@kernel(types.void, _MATRIX, _PLANES_IN, _PLANES_IN, _TERMS, _ROWS_OUT)
def add_products(form: NDArray[np.uint8], a: Words, b: Words, terms: NDArray[np.int64], out: Words) -> None:
    """out[g] ^= the bilinear form of a[:, i] and b[:, j], for every term (g, i, j)."""
    for t in range(terms.shape[0]):
        g, i, j = terms[t, 0], terms[t, 1], terms[t, 2]
        for p in range(form.shape[0]):
            for q in range(form.shape[1]):
                if form[p, q]:
                    _add_and(a[p, i], b[q, j], out[g])


@kernel(types.void, _ROW_IN, _ROW_OUT, _ROW_OUT)
def _split(x: Words, low: Words, high: Words) -> None:
    for w in range(low.size):
        t = low[w]
        high[w] = x[w] & t
        low[w] = x[w] | t


@kernel(types.void, _ROWS_IN, _ROWS_OUT)
def thermometer(bits: Words, out: Words) -> None:
    """out[t - 1] = [x >= t] for t from 1 to 2^b - 1, where x has the b bits `bits`, lowest first."""
    for start in range(0, bits.shape[1], _STRIP):
        end = min(start + _STRIP, bits.shape[1])
        for b in range(bits.shape[0]):
            x, half = bits[b, start:end], 1 << b
            for t in range(half - 1):
                _split(x, out[t, start:end], out[half + t, start:end])
            out[half - 1, start:end] = x
