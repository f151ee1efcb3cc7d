"""The only sources of randomness: the operating system, and a stream cipher keyed by it.

`Keystream` is AES-256-CTR over zeros: about 2 GB/s, where the operating system gives 0.2 GB/s.  The same key gives the
same stream, which is what seeded dealing needs; a key is therefore used for one purpose and one vector, never twice.
"""

from __future__ import annotations

import secrets
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from steelyard.errors import Invalid

KEY_BYTES: Final = 32
_ZEROS: Final = memoryview(bytes(1 << 16))


class Randomness(Protocol):
    """Where a protocol gets its random bytes; only tests supply a seeded one."""

    def bytes(self, count: int) -> bytearray: ...


class Keystream:
    """A deterministic stream of bytes from a 32-byte key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise Invalid("a stream key has 32 bytes")
        self._encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()

    def bytes(self, count: int) -> bytearray:
        """The next `count` bytes of the stream."""
        buffer = bytearray(count)
        self._encryptor.update_into(buffer, buffer)
        return buffer

    def fill(self, target: memoryview) -> None:
        """Puts the next bytes of the stream into `target`."""
        for start in range(0, len(target), len(_ZEROS)):
            piece = target[start : start + len(_ZEROS)]
            self._encryptor.update_into(_ZEROS[: len(piece)], piece)


class SystemRandomness:
    """Fresh randomness: an AES stream under a key from the operating system, one per instance."""

    def __init__(self) -> None:
        self._stream = Keystream(secrets.token_bytes(KEY_BYTES))

    def bytes(self, count: int) -> bytearray:
        return self._stream.bytes(count)


def token(count: int = KEY_BYTES) -> bytes:
    """Key material straight from the operating system."""
    return secrets.token_bytes(count)
