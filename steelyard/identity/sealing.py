"""Sealing to one reader: HPKE (RFC 9180) base mode with X25519, HKDF-SHA256 and AES-256-GCM.

Everybody can seal, so sealed bytes prove nothing about who sealed them: the caller signs the ciphertext.  `context`
says what the bytes are for (`steelyard.digest.frame` of ids and roles); the ciphertext opens under exactly that
context, which is what stops a relay from passing one computation's answer off as another's.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from steelyard.errors import Invalid, Malformed
from steelyard.identity.keys import sealing_public

OVERHEAD: Final = 48  # bytes: the encapsulated key (32) and the tag (16)
MAX_PLAINTEXT: Final = 1 << 26  # bytes; longer data travels in frames

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal(public_key: str | bytes, plaintext: bytes, context: bytes) -> bytes:
    """`len(plaintext) + OVERHEAD` bytes that only the holder of the X25519 key (hexadecimal or raw) opens.

    Raises Invalid for a public key that is none and for more than MAX_PLAINTEXT bytes.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise Invalid(f"at most {MAX_PLAINTEXT} bytes are sealed at once")
    try:
        return _SUITE.encrypt(plaintext, sealing_public(public_key), info=context)
    except ValueError:  # a point of small order: the shared key would be zero
        raise Invalid("the public key to seal to is none") from None


def unseal(private_key: X25519PrivateKey, ciphertext: bytes, context: bytes) -> bytes:
    """The plaintext; raises Malformed, and never says why: an error that explains is an oracle."""
    if OVERHEAD <= len(ciphertext) <= MAX_PLAINTEXT + OVERHEAD:
        try:
            return _SUITE.decrypt(ciphertext, private_key, info=context)
        except (InvalidTag, ValueError):
            pass
    raise Malformed("these sealed bytes do not open")
