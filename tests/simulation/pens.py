"""Stand-in signatures: as hard to confuse as real ones, a hundred times cheaper, and forgeable by whoever wants to."""

from __future__ import annotations

from hashlib import blake2b

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Pen:
    """Signs and verifies for one party; has the two methods of an Ed25519 key that documents use."""

    def __init__(self, party: str) -> None:
        self._key = party.encode()

    def sign(self, message: bytes) -> bytes:
        return blake2b(message, key=self._key, digest_size=16).digest()

    def verify(self, signature: bytes, message: bytes) -> None:
        if signature != self.sign(message):
            raise InvalidSignature


def signing(party: str) -> Ed25519PrivateKey:
    return Pen(party)  # type: ignore[return-value]


def verifying(party: str) -> Ed25519PublicKey:
    return Pen(party)  # type: ignore[return-value]
