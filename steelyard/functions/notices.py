"""Notices: what each node tells one participant alone, carried by the requester, who can neither read nor change it.

A node seals each notice to its reader's own key and signs the ciphertext, bound to computation, request, attempt and
reader; the bundle of all is the attachment of its result share.  Readers open what the same attempt's nodes sealed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from steelyard.digest import frame
from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Hex16
from steelyard.documents.signed import Document, Signed, sign
from steelyard.errors import Cheated, Malformed, NotFound, SteelyardError
from steelyard.identity.sealing import seal, unseal
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt

MAX_READERS = 10_000


class NoticeNote(Document, frozen=True, kw_only=True):
    """Binds a sealed notice to what it is about, to whom it is and to the node it comes from."""

    KIND: ClassVar[str] = "notice"

    computation: Hex16
    request: Hex32
    attempt: Hex16
    reader: Name
    node: Name
    ciphertext: Hex32  # SHA-256


class SealedNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On its way to its reader."""

    note: Signed
    ciphertext: bytes


Bundle = Annotated[dict[Name, SealedNotice], msgspec.Meta(max_length=MAX_READERS)]  # by reader


def seal_notices(attempt: Attempt, keys: Mapping[PartyId, bytes], texts: Mapping[PartyId, bytes]) -> bytes:
    """What this node attaches: each reader's text, sealed to its public X25519 key."""
    return msgspec.msgpack.encode({reader: _sealed(attempt, reader, keys[reader], texts[reader]) for reader in texts})


def addressed(attachment: bytes) -> Mapping[str, SealedNotice]:
    """By reader; raises Malformed."""
    try:
        return msgspec.msgpack.decode(attachment, type=Bundle)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Malformed("what a node attached is no bundle of notices") from None


def open_notices(
    request: Signed,
    computation: str,
    reader: str,
    key: X25519PrivateKey,
    nodes: Mapping[str, Ed25519PublicKey],
    sealed: Iterable[SealedNotice],
) -> tuple[Mapping[PartyId, bytes], tuple[PartyId, ...]]:
    """By node, what the most nodes of one attempt told this reader; and which nodes' notices prove nothing.

    Raises NotFound without any, Cheated where none proves what it is.
    """
    by_attempt: dict[str, dict[PartyId, bytes]] = {}
    bad: list[PartyId] = []
    for each in sealed:
        try:
            note = _checked(each, request.digest.hex(), computation, reader, nodes)
            text = unseal(key, each.ciphertext, _context(note))
            by_attempt.setdefault(note.attempt, {})[PartyId(note.node)] = text
        except SteelyardError:
            bad.append(PartyId(each.note.signer))
    if not by_attempt:
        if bad:
            raise Cheated("none of the notices proves what it is", suspects=sorted(bad))
        raise NotFound(f"there is no notice for {reader}: it took no part in this computation")
    return max(by_attempt.values(), key=len), tuple(sorted(bad))


def _sealed(attempt: Attempt, reader: PartyId, key: bytes, text: bytes) -> SealedNotice:
    note = NoticeNote(
        computation=attempt.computation,
        request=attempt.request,
        attempt=attempt.attempt,
        reader=reader,
        node=attempt.me,
        ciphertext="00" * 32,
    )
    ciphertext = seal(key, text, _context(note))
    said = msgspec.structs.replace(note, ciphertext=hashlib.sha256(ciphertext).hexdigest())
    return SealedNotice(sign(said, attempt.me, attempt.signing), ciphertext)


def _checked(
    each: SealedNotice, request: str, computation: str, reader: str, nodes: Mapping[str, Ed25519PublicKey]
) -> NoticeNote:
    note = each.note.open(NoticeNote, nodes)
    said = (each.note.signer, note.request, note.computation, note.reader, note.ciphertext)
    if said != (note.node, request, computation, reader, hashlib.sha256(each.ciphertext).hexdigest()):
        raise Malformed("a notice of another computation, or for another reader")
    return note


def _context(note: NoticeNote) -> bytes:
    parts = (note.computation, note.request, note.attempt, note.reader, note.node)
    return frame("notice", *(each.encode() for each in parts))
