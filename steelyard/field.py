"""Vectors over GF(P), P = 2^61-1: numpy arrays of uint64, every value below P.

P is a Mersenne prime, so reduction is shift and add.  Signed numbers up to 2^60-1 in size map to the field and back.
Functions allocate their result and nothing else, leave their arguments alone (but `accumulate`), and raise Invalid for
vectors of different lengths or another type.  That values are below P is checked once, where they enter (`from_bytes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard import field_kernels as kernels
from steelyard.errors import Invalid, Malformed
from steelyard.randomness import Randomness

Vector = NDArray[np.uint64]

P: Final = 2**61 - 1
BYTES: Final = 8  # of one element on the wire
BLOCK: Final = 1 << 15  # elements drawn at a time; part of the wire format, see `uniform`

_ZEROS: Final = np.zeros(kernels.STRIP, dtype=np.uint64)
_ZEROS.flags.writeable = False


def add(a: Vector, b: Vector) -> Vector:
    a, b = _alike(a, b)
    out = np.empty_like(a)
    kernels.add(a, b, out)
    return out


def subtract(a: Vector, b: Vector) -> Vector:
    a, b = _alike(a, b)
    out = np.empty_like(a)
    kernels.subtract(a, b, out)
    return out


def negate(a: Vector) -> Vector:
    return subtract(np.zeros_like(a), a)


def multiply(a: Vector, b: Vector) -> Vector:
    """The products a[i] * b[i]."""
    a, b = _alike(a, b)
    out = np.empty_like(a)
    kernels.multiply(a, b, out)
    return out


def scale(c: int, a: Vector) -> Vector:
    """c * a for a public integer c, which may be negative."""
    return combine([c], [a])


def dot(a: Vector, b: Vector) -> int:
    """The sum of the products a[i] * b[i]."""
    a, b = _alike(a, b)
    return int(kernels.dot(a, b))


def total(vectors: Sequence[Vector]) -> Vector:
    """The sum of at least one vector."""
    vectors = _alike(*vectors)
    out = vectors[0].copy()
    for start in range(0, out.size, BLOCK):
        block = out[start : start + BLOCK]
        for vector in vectors[1:]:
            kernels.accumulate(block, vector[start : start + BLOCK])
    return out


def accumulate(into: Vector, vector: Vector) -> None:
    """Adds `vector` to `into`, in place."""
    checked, vector = _alike(into, vector)
    if checked is not into or not into.flags.writeable:
        raise Invalid("only a contiguous, writable vector can be added to")
    kernels.accumulate(into, vector)


def combine(coefficients: Sequence[int], vectors: Sequence[Vector]) -> Vector:
    """The sum of coefficients[j] * vectors[j] over at least one vector, in one pass."""
    if len(coefficients) != len(vectors):
        raise Invalid("a combination needs one coefficient per vector")
    vectors = _alike(*vectors)
    out = np.empty_like(vectors[0])
    kernels.mix(_limbs([coefficients]), 0, _addresses(vectors), 0, _addresses([out]), 0, out.size, _ZEROS)
    return out


def uniform(randomness: Randomness, count: int) -> Vector:
    """`count` exactly uniform elements, zero included.

    Each is the low 61 bits of an 8-byte little-endian word.  Words are drawn BLOCK at a time; the one value that is no
    element, P, is replaced after its block by further words of the stream.  Equal keystreams give equal vectors.
    """
    if count < 0:
        raise Invalid("a vector has no negative length")
    out = np.empty(count, dtype=np.uint64)
    for start in range(0, count, BLOCK):
        _draw(randomness, out[start : start + BLOCK])
    return out


def extrapolate(start: Vector, streams: Sequence[Randomness], weights: Sequence[Sequence[int]]) -> list[Vector]:
    """start + sum over j of weights[o][j] * (uniform(streams[j]) - start), for every o.

    With Lagrange weights (which add up to one together with the weight of `start`) these are further values of the
    polynomials through `start` and the streams.  The streams are consumed block by block and never stored.
    """
    (start,) = _alike(start)
    if not streams or any(len(row) != len(streams) for row in weights):
        raise Invalid("an extrapolation needs one weight per stream")
    outputs = [np.empty_like(start) for _ in weights]
    if not outputs:
        return outputs
    drawn = np.empty((len(streams), min(BLOCK, start.size)), dtype=np.uint64)
    limbs, sources, targets = _limbs(weights), _addresses(list(drawn)), _addresses(outputs)
    (base,) = (int(each) for each in _addresses([start]))
    for first in range(0, start.size, BLOCK):
        block = start[first : first + BLOCK]
        for row, stream in zip(drawn, streams, strict=True):
            _draw(stream, row[: block.size])
            kernels.deduct(row[: block.size], block)
        kernels.mix(limbs, base, sources, 0, targets, BYTES * first, block.size, _ZEROS)
    return outputs


def extend(known: Sequence[Vector], streams: Sequence[Randomness], weights: Sequence[Sequence[int]]) -> list[Vector]:
    """The sum over j of weights[o][j] * inputs[j], for every o, where uniform(streams) follow the known vectors.

    With Lagrange weights these are further values of the polynomials through all inputs.  The streams are consumed
    block by block and never stored.
    """
    known = _alike(*known)
    if any(len(row) != len(known) + len(streams) for row in weights):
        raise Invalid("an extension needs one weight per vector and stream")
    size, outputs = known[0].size, [np.empty_like(known[0]) for _ in weights]
    if not outputs:
        return outputs
    drawn = np.empty((len(streams), min(BLOCK, size)), dtype=np.uint64)
    limbs, bases, places, targets = _limbs(weights), *map(_addresses, (known, list(drawn), outputs))
    for first in range(0, size, BLOCK):
        count = min(BLOCK, size - first)
        for row, stream in zip(drawn, streams, strict=True):
            _draw(stream, row[:count])
        sources = np.concatenate([bases + np.uint64(BYTES * first), places])
        kernels.mix(limbs, 0, sources, 0, targets, BYTES * first, count, _ZEROS)
    return outputs


def from_signed(values: NDArray[np.int64] | Sequence[int]) -> Vector:
    """Integers from -(P//2) to P//2 as elements; Invalid beyond."""
    if not isinstance(values, np.ndarray):
        values = _integers(values)
    if values.ndim != 1 or values.dtype != np.int64:
        raise Invalid("signed values come as a list of integers or a vector of int64")
    out = np.empty(values.size, dtype=np.uint64)
    if kernels.from_signed(np.ascontiguousarray(values), out):
        raise Invalid("a value is too large for the field")
    return out


def to_signed(vector: Vector) -> NDArray[np.int64]:
    """Elements as integers; those above P//2 stand for negative ones."""
    (vector,) = _alike(vector)
    out = np.empty(vector.size, dtype=np.int64)
    kernels.to_signed(vector, out)
    return out


def to_bytes(vector: Vector) -> bytes:
    """Eight bytes per element, little-endian."""
    (vector,) = _alike(vector)
    return vector.astype("<u8", copy=False).tobytes()


def from_bytes(buffer: bytes | bytearray | memoryview, count: int) -> Vector:
    """The `count` elements in `buffer`, without a copy: read-only if the buffer is.

    Raises Malformed for another length and for values of P or more.
    """
    view = memoryview(buffer).cast("B")
    if len(view) != BYTES * count:
        raise Malformed("a vector has the wrong length")
    raw = np.frombuffer(view, dtype="<u8") if view else np.empty(0, dtype=np.uint64)
    vector = raw.astype(np.uint64, copy=not raw.flags.aligned)
    if kernels.unreduced(vector):
        raise Malformed("a vector holds a value outside the field")
    return vector


def _draw(randomness: Randomness, out: Vector) -> None:
    words = np.frombuffer(randomness.bytes(BYTES * out.size), dtype="<u8").astype(np.uint64, copy=False)
    if kernels.mask(words, out):  # happens once in 2^61 words
        for index in np.flatnonzero(out == P):
            out[index] = _draw_one(randomness)


def _draw_one(randomness: Randomness) -> int:
    while (value := int.from_bytes(randomness.bytes(BYTES), "little") & P) == P:
        pass
    return value


def _alike(*vectors: Vector) -> list[Vector]:
    """The vectors, contiguous; they must be of one length, which is what keeps the kernels inside their memory."""
    if not vectors:
        raise Invalid("no vector was given")
    for each in vectors:
        if not isinstance(each, np.ndarray) or each.dtype != np.uint64 or each.ndim != 1:
            raise Invalid("a vector over the field is a one-dimensional array of uint64")
        if each.size != vectors[0].size:
            raise Invalid("vectors of different lengths do not fit together")
    return [_in_order(each) for each in vectors]


def _in_order(vector: Vector) -> Vector:
    flags = vector.flags
    return vector if flags.c_contiguous and flags.aligned else np.require(vector, requirements=["C", "A"])


def _integers(values: Sequence[int]) -> NDArray[np.int64]:
    if not all(isinstance(each, int) for each in values):
        raise Invalid("signed values come as a list of integers or a vector of int64")
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError:
        raise Invalid("a value is too large for the field") from None


def _limbs(rows: Sequence[Sequence[int]]) -> NDArray[np.uint32]:
    """Coefficients as `kernels.mix` wants them: c and 2^31 c, each as 30 low and 31 high bits."""
    return _split(tuple(map(tuple, rows)))


@lru_cache(maxsize=1024)
def _split(rows: tuple[tuple[int, ...], ...]) -> NDArray[np.uint32]:
    """Coefficients are public, and mostly the same ones."""
    reduced = [[(c % P, (c << 31) % P) for c in row] for row in rows]
    split = [[(c & 2**30 - 1, c >> 30, d & 2**30 - 1, d >> 30) for c, d in row] for row in reduced]
    return np.array(split, dtype=np.uint32)


def _addresses(vectors: Sequence[Vector]) -> Vector:
    """Where the vectors lie in memory; the caller keeps them alive."""
    return np.array([each.__array_interface__["data"][0] for each in vectors], dtype=np.uint64)
