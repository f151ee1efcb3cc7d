"""A node's sealed result share: what is inside the ciphertext, and the note that binds it."""

from __future__ import annotations

import hashlib

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steelyard.digest import frame
from steelyard.documents.attempt import ResultNote
from steelyard.documents.sealed_result import CountedSignature, SealedResult
from steelyard.documents.signed import decode, sign
from steelyard.errors import Malformed
from steelyard.field import BYTES, Vector, from_bytes, to_bytes
from steelyard.functions.computation import ResultShare
from steelyard.identity.sealing import seal


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The public part of a result share; equal at all honest nodes."""

    count: int  # field elements
    decimals: tuple[int, ...]  # of the question's columns
    suppressed: tuple[int, ...]


def context(request: str, party: str, input_set: bytes) -> bytes:
    """What a ciphertext is bound to."""
    return frame("result", request.encode(), party.encode(), input_set)


def seal_share(
    outcome: ResultShare,
    computation: str,
    request: str,
    party: str,
    signing: Ed25519PrivateKey,
    sealing: bytes,
) -> SealedResult:
    """`sealing` is the requester's public X25519 key."""
    shape = Shape(len(outcome.share), outcome.decimals, outcome.suppressed)
    front = msgspec.json.encode(shape)
    plaintext = b"".join((len(front).to_bytes(4, "little"), front, to_bytes(outcome.share), outcome.attachment))
    ciphertext = seal(sealing, plaintext, context(request, party, outcome.input_set))
    note = ResultNote(
        computation=computation,
        request=request,
        party=party,
        input_set=outcome.input_set,
        ciphertext=hashlib.sha256(ciphertext).hexdigest(),
        length=len(ciphertext),
    )
    certificate = tuple(CountedSignature(signer, signature) for signer, signature in outcome.certificate)
    return SealedResult(party, sign(note, party, signing), certificate, ciphertext)


def read_share(plaintext: bytes) -> tuple[Shape, Vector, bytes]:
    """The inverse of the packing above, with every bound checked: shape, share, attachment."""
    front = int.from_bytes(plaintext[:4], "little")
    shape = decode(plaintext[4 : 4 + front], Shape, "shape of a result share")
    end = 4 + front + BYTES * shape.count
    if shape.count < 0 or end > len(plaintext):
        raise Malformed("a result share that is cut off")
    return shape, from_bytes(plaintext[4 + front : end], shape.count), plaintext[end:]
