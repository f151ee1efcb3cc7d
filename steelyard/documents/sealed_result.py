"""A node's result on its way through the coordinator: nothing in it can be read without the requester's key."""

from __future__ import annotations

from dataclasses import dataclass, field

from steelyard.documents.signed import Signed


@dataclass(frozen=True, slots=True)
class CountedSignature:
    """A signature under a document that is not repeated."""

    signer: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class SealedResult:
    """What one node delivers: ciphertext for the requester, the signed note on it, the signatures of the input set."""

    party: str
    note: Signed
    certificate: tuple[CountedSignature, ...]
    ciphertext: bytes = field(repr=False)
