"""How one frame is encrypted: Fernet by default, AES-256-GCM for large stores; both authenticate all of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steelyard.errors import Invalid, StoreFault
from steelyard.randomness import token

DATA_KEY: Final = 32  # bytes
_NONCE: Final = 12


class Codec(Protocol):
    def seal(self, plain: bytes) -> bytes: ...

    def open(self, sealed: bytes) -> bytes:
        """Raises StoreFault unless `seal` of the same key made every bit of it."""
        ...


class _Fernet:
    """Written with no time in it: neither a clock that jumps nor the hour of a write matters."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, plain: bytes) -> bytes:
        return self._fernet.encrypt_at_time(plain, 0)

    def open(self, sealed: bytes) -> bytes:
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise StoreFault.because("bits of it have changed since it was written") from None


class _AesGcm:
    """At most 2^32 frames a key, 4 PiB, by the bound for random nonces."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes) -> bytes:
        nonce = token(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def open(self, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
        except (InvalidTag, ValueError):
            raise StoreFault.because("bits of it have changed since it was written") from None


FERNET: Final = "fernet"
AES_GCM: Final = "aes-gcm"
CODECS: Final[dict[str, Callable[[bytes], Codec]]] = {FERNET: _Fernet, AES_GCM: _AesGcm}


def codec(name: str, key: bytes) -> Codec:
    """Raises Invalid for a name there is no codec of."""
    if name not in CODECS:
        raise Invalid(f"a vault seals with {' or '.join(CODECS)}, not {name[:60]!r}")
    return CODECS[name](key)
