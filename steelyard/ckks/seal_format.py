"""SEAL's files: an uncompressed writer for what we made, and a reader for what SEAL has made (compressed by zstd).

Follows Microsoft SEAL 4.3, native/src/seal/serialization.h, ciphertext.cpp and kswitchkeys.cpp.  Only public keys and
ciphertexts ever get into such bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
import zstandard

from steelyard.ckks.ring import Residues, Ring
from steelyard.errors import Malformed

Level = tuple[int, ...]  # SEAL's name of a level: four words
_HEADER: Final = struct.Struct("<HBBBBHQ")  # magic, size of the header, version, compression, nothing, whole size
_CIPHERTEXT: Final = struct.Struct("<32sBQQQdQ")  # level, in values, polynomials, N, primes, scale, correction
_MAGIC: Final = 0xA15E
_MAJOR: Final = 4
_MINOR: Final = 3
_PLAIN: Final = 0
_ZSTD: Final = 2


def write_ciphertext(level: Level, parts: Sequence[Residues], scale: float) -> bytes:
    primes, degree = parts[0].shape
    head = _CIPHERTEXT.pack(_name(level), 1, len(parts), degree, primes, scale, 1)
    words = b"".join(each.astype("<u8", copy=False).tobytes() for each in parts)
    return _framed(head + _framed(struct.pack("<Q", len(words) // 8) + words))


def write_relin(level: Level, rows: Sequence[tuple[Residues, Residues]]) -> bytes:
    """The key for squares of the secret; `level` is that of keys."""
    keys = b"".join(write_ciphertext(level, row, 1.0) for row in rows)
    return _framed(_name(level) + struct.pack("<QQ", 1, len(rows)) + keys)


def read_ciphertext(ring: Ring, data: bytes) -> tuple[Residues, ...]:
    """The polynomials of a ciphertext over this ring; raises Malformed for anything else."""
    body = _unframed(data)
    try:
        _, values, polynomials, degree, primes, _, _ = _CIPHERTEXT.unpack_from(body)
    except struct.error:
        raise Malformed("these bytes are no ciphertext of SEAL") from None
    words = _unframed(body[_CIPHERTEXT.size :])[8:]
    if not values or (primes, degree) != ring.shape or len(words) != polynomials * ring.size:
        raise Malformed("a ciphertext of SEAL of another profile or level")
    flat = np.frombuffer(words, dtype="<u8").astype(np.uint64)
    return tuple(flat.reshape(polynomials, *ring.shape))


def _name(level: Level) -> bytes:
    return struct.pack("<4Q", *level)


def _framed(body: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, _HEADER.size, _MAJOR, _MINOR, _PLAIN, 0, _HEADER.size + len(body)) + body


def _unframed(data: bytes) -> bytes:
    try:
        magic, size, _, _, mode, _, whole = _HEADER.unpack_from(data)
    except struct.error:
        raise Malformed("these bytes are none of SEAL") from None
    if magic != _MAGIC or whole != len(data) or mode not in (_PLAIN, _ZSTD):
        raise Malformed("these bytes are none of SEAL")
    return zstandard.ZstdDecompressor().decompressobj().decompress(data[size:]) if mode == _ZSTD else data[size:]
