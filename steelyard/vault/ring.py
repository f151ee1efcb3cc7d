"""Versions of a key-encryption key that this machine holds itself, and how they wrap: AES-256-GCM with the context.

The last version is the current one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from threading import RLock
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steelyard.digest import digest
from steelyard.errors import StoreFault
from steelyard.randomness import token
from steelyard.vault.provider import Context, Health, Wrapped

LEAST: Final = 32  # bytes of a key
_NONCE: Final = 12


def version_of(secret: bytes) -> str:
    """16 hex digits, named in every wrapped key."""
    return digest("vault-key-version", secret)[:8].hex()


@dataclass(slots=True)
class Ring:
    """At least one secret, the current one last.  `keep` stores a new list durably, or raises and changes nothing."""

    secrets: tuple[bytes, ...] = field(repr=False)
    keep: Callable[[tuple[bytes, ...]], None] = field(repr=False)
    where: str  # for messages
    _lock: RLock = field(default_factory=RLock, repr=False)

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        with self._lock:
            secret = self.secrets[-1]
        version, nonce = version_of(secret), token(_NONCE)
        return Wrapped(version, nonce + _cipher(secret).encrypt(nonce, key, context.bound(version)))

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        secret = self._held().get(wrapped.version)
        if secret is None:
            raise StoreFault.because(
                f"wrong key: {context.unit} needs version {wrapped.version}, which {self.where} does not hold"
            )
        nonce, sealed = wrapped.key[:_NONCE], wrapped.key[_NONCE:]
        try:
            return _cipher(secret).decrypt(nonce, sealed, context.bound(wrapped.version))
        except (InvalidTag, ValueError):
            problem = f"the wrapped key of {context.unit} is damaged, or was made for another unit or node"
            raise StoreFault.because(problem) from None

    def rotate(self, old: Collection[str]) -> str:
        with self._lock:
            held = self._held()
            current = version_of(self.secrets[-1])
            kept = tuple(secret for version, secret in held.items() if version in old)
            if current in old:
                changed = (*(each for each in kept if each != self.secrets[-1]), self.secrets[-1], token(LEAST))
            else:
                changed = (*kept, self.secrets[-1])
            if changed != self.secrets:
                self.keep(changed)
                self.secrets = changed
            return version_of(self.secrets[-1])

    def health(self) -> Health:
        with self._lock:
            return Health(version_of(self.secrets[-1]), frozenset(map(version_of, self.secrets)))

    def _held(self) -> dict[str, bytes]:
        with self._lock:
            return {version_of(each): each for each in self.secrets}


def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(digest("vault-key", secret))
