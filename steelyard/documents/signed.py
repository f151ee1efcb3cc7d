"""`Document` and `Signed`: exact bytes, who signed them, and what kind of document they claim to be.

The signature covers the kind and the bytes, length-prefixed, so that a document of one kind never passes for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from steelyard import records
from steelyard.digest import digest, frame
from steelyard.errors import Malformed, Unauthenticated

MAX_DOCUMENT = 1 << 20


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that gets signed.  Subclasses name their KIND."""

    KIND: ClassVar[str]

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


D = TypeVar("D", bound=Document)
T = TypeVar("T")


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The exact bytes of a document and one signature.  `signer` is a claim until `open` has checked it."""

    kind: str
    payload: bytes
    signer: str
    signature: bytes

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for kind and payload; the signature is not part of it."""
        return digest("document", self.kind.encode(), self.payload)

    def open(self, document: type[D], keys: Mapping[str, Ed25519PublicKey]) -> D:
        """The document, if `signer` is among `keys` and signed these bytes as this kind.

        Raises Unauthenticated for a wrong kind, signer or signature, Malformed for bytes that are no such document.
        """
        self._check_kind(document)
        key = keys.get(self.signer)
        if key is None:
            raise Unauthenticated(f"the manifest knows no signer {self.signer[:60]!r} for a {document.KIND}")
        try:
            key.verify(self.signature, frame("signature", self.kind.encode(), self.payload))
        except InvalidSignature:
            raise Unauthenticated(f"the signature of {self.signer} under a {document.KIND} is wrong") from None
        return read(document, self.payload)

    def expect(self, document: type[D]) -> D:
        """The document with its signature unchecked: who it comes from must be known otherwise; raises as `open`."""
        self._check_kind(document)
        return read(document, self.payload)

    def _check_kind(self, document: type[Document]) -> None:
        if self.kind != document.KIND:
            raise Unauthenticated(f"a signed {document.KIND} was expected, this claims to be something else")


def read(document: type[D], payload: bytes) -> D:
    """Decodes the bytes of a document, strictly; it says nothing about who wrote them."""
    if len(payload) > MAX_DOCUMENT:
        raise Malformed(f"a {document.KIND} of more than {MAX_DOCUMENT} bytes")
    return decode(payload, document, document.KIND)


def to_wire(signed: Signed) -> bytes:
    return msgspec.json.encode(signed)


def from_wire(data: bytes | bytearray) -> Signed:
    """A signed document as nodes send it to each other; nothing in it has been checked yet."""
    if len(data) > 2 * MAX_DOCUMENT:
        raise Malformed("a signed document that is too long")
    return decode(data, Signed, "signed document")


def decode(data: bytes | bytearray | memoryview, kind: type[T], name: str) -> T:
    """JSON from others as a struct; Malformed for whatever is not exactly that."""
    try:
        return records.from_json(data, kind)
    except records.DecodeError:
        raise Malformed(f"these bytes are no {name}") from None


def sign(document: Document, signer: str, key: Ed25519PrivateKey) -> Signed:
    return sign_bytes(document.KIND, document.encode(), signer, key)


def sign_bytes(kind: str, payload: bytes, signer: str, key: Ed25519PrivateKey) -> Signed:
    """Signs bytes that somebody else encoded, exactly as they are."""
    signature = key.sign(frame("signature", kind.encode(), payload))
    return Signed(kind=kind, payload=payload, signer=signer, signature=signature)
