"""The fresh X25519 key of one attempt at a computation, and the pairwise stream keys that follow from it.

Every attempt has its own key and nonce, announced in a signed hello; long-lived keys only sign.  So no stream is ever
used for two dealings (two secrets over one stream would give one of them away), and a node's key that is stolen later
opens no recorded dealing.

    stream key = HKDF-SHA256(X25519(own, peer), salt = both nonces, info = everything that names the stream)

Reference    RFC 7748 (X25519; its section 6.1 on the all-zero result), RFC 5869 (HKDF)
"""

from __future__ import annotations

import secrets
from typing import Final, NoReturn, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from steelyard.digest import frame
from steelyard.errors import Conflict, Invalid, Malformed
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.randomness import KEY_BYTES, token

NONCE_BYTES: Final = 16
PUBLIC_BYTES: Final = 32


class AttemptKeys:
    """What one party holds for one attempt.  `public` and `nonce` go into its hello; the rest never leaves."""

    def __init__(self, me: PartyId, manifest_hash: bytes, computation: ComputationId, attempt: AttemptId) -> None:
        self._me = me
        self._context = (manifest_hash, computation.encode(), attempt.encode())
        self._private: X25519PrivateKey | None = X25519PrivateKey.generate()
        self._shared: dict[PartyId, bytearray] = {}
        self._salts: dict[PartyId, bytes] = {}
        self._used: set[tuple[str, PartyId, PartyId]] = set()
        self.public: Final = self._private.public_key().public_bytes_raw()
        self.nonce: Final = token(NONCE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.erase()

    def agree(self, peer: PartyId, public: bytes, nonce: bytes) -> None:
        """Takes the key and nonce from a peer's hello, whose signature the caller has checked.

        Raises Malformed for a key or nonce no honest peer sends, Conflict if the peer has agreed before.
        """
        private = self._alive()
        if peer == self._me:
            raise Invalid("a party agrees on keys with another one")
        if peer in self._shared:
            raise Conflict(f"{peer} has agreed on keys already", party=self._me)
        if len(public) != PUBLIC_BYTES or len(nonce) != NONCE_BYTES:
            raise Malformed("a hello has a key or nonce of the wrong length", culprits=[peer])
        if public == self.public or nonce == self.nonce:
            raise Malformed("a hello repeats our own key or nonce", culprits=[peer])
        self._shared[peer] = bytearray(_exchange(private, public, peer))
        both = sorted([(self._me, self.nonce, self.public), (peer, nonce, public)])
        self._salts[peer] = frame("attempt-salt", *(part for _, *parts in both for part in parts))

    def stream_key(self, path: str, dealer: PartyId, receiver: PartyId) -> bytes:
        """The 32-byte key of the stream `dealer` and `receiver` share at this place (`path`) of the protocol.

        Raises Conflict when it was handed out before, Invalid when the stream is not ours or no agreement was made.
        """
        self._alive()
        if dealer == receiver or self._me not in (dealer, receiver):
            raise Invalid("a stream runs between this party and another one")
        peer = receiver if dealer == self._me else dealer
        if peer not in self._shared:
            raise Invalid(f"{peer} has not agreed on keys")
        if (path, dealer, receiver) in self._used:
            raise Conflict("a stream is used for one dealing only", party=self._me)
        self._used.add((path, dealer, receiver))
        info = frame("stream-key", *self._context, path.encode(), dealer.encode(), receiver.encode())
        hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=self._salts[peer], info=info)
        return hkdf.derive(self._shared[peer])

    def erase(self) -> None:
        """Forgets every key; nothing can be derived afterwards.  Copies made inside libraries are beyond our reach."""
        self._private = None
        for secret in self._shared.values():
            secret[:] = bytes(len(secret))
        self._shared.clear()
        self._salts.clear()
        self._used.clear()

    def __repr__(self) -> str:
        return f"<keys of {self._me} for one attempt>"

    def __reduce__(self) -> NoReturn:
        raise Invalid("keys of an attempt are not serialised")

    def _alive(self) -> X25519PrivateKey:
        if self._private is None:
            raise Conflict("the keys of this attempt are erased", party=self._me)
        return self._private


def _exchange(private: X25519PrivateKey, public: bytes, peer: PartyId) -> bytes:
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # the library refuses points of small order
        shared = bytes(PUBLIC_BYTES)
    if secrets.compare_digest(shared, bytes(PUBLIC_BYTES)):
        raise Malformed("a hello has a key of small order", culprits=[peer])
    return shared
