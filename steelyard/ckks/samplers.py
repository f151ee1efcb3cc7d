"""Random polynomials, all from a stream of random bytes: uniform, ternary, small errors, and wide noise.

A distribution is sampled exactly: no floating point.  An error is centred binomial with 42 coins (sigma 3.24, as in
SEAL).  Wide noise is the sum of twelve uniform words of w bits, centred: its variance is 4^w - 1, so sigma = 2^w; its
Fisher information is within 1 % of the Gaussian's of that width, which is all that the argument for flooding uses
(docs/threat-model.md), and it never exceeds 6 sigma.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.ckks.ring import Residues, Ring
from steelyard.errors import Invalid
from steelyard.randomness import Randomness

Small = NDArray[np.int64]  # (N,)
_COINS: Final = np.uint64((1 << 21) - 1)
_TERMS: Final = 12


def uniform(ring: Ring, stream: Randomness) -> Residues:
    """Each residue uniform below its prime, by rejection."""
    out = np.empty(ring.shape, dtype=np.uint64)
    for row, prime in zip(out, ring.primes, strict=True):
        mask = np.uint64((1 << prime.bit_length()) - 1)
        filled = 0
        while filled < row.size:
            words = _words(stream, row.size - filled) & mask
            fit = words[words < prime]
            row[filled : filled + fit.size] = fit
            filled += fit.size
    return out


def ternary(degree: int, stream: Randomness) -> Small:
    """-1, 0 and 1 with equal probability, by rejection of bytes above 251."""
    out = np.empty(degree, dtype=np.int64)
    filled = 0
    while filled < degree:
        bytes_ = np.frombuffer(stream.bytes(degree - filled), dtype=np.uint8)
        fit = bytes_[bytes_ < 252]
        out[filled : filled + fit.size] = fit.astype(np.int64) % 3 - 1
        filled += fit.size
    return out


def error(degree: int, stream: Randomness) -> Small:
    """The heads of 21 coins less those of 21 others."""
    words = _words(stream, degree)
    heads: Small = np.bitwise_count(words & _COINS).astype(np.int64)
    tails: Small = np.bitwise_count(words >> np.uint64(43)).astype(np.int64)
    return heads - tails


def wide(degree: int, width: int, stream: Randomness) -> Small:
    """Noise of sigma 2^width."""
    if not 1 <= width <= 48:
        raise Invalid("noise has a sigma from 2 to 2^48")
    words = _words(stream, _TERMS * degree).reshape(_TERMS, degree) >> np.uint64(64 - width)
    sums: Small = words.sum(axis=0, dtype=np.uint64).astype(np.int64)
    return sums - (_TERMS // 2) * ((1 << width) - 1)


def _words(stream: Randomness, count: int) -> NDArray[np.uint64]:
    return np.frombuffer(stream.bytes(8 * count), dtype="<u8").astype(np.uint64)
