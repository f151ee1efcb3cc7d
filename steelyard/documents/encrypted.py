"""What nodes sign when they compute on ciphertexts: their inputs, and what they have all evaluated."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Hex16
from steelyard.documents.signed import Document

ProfileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{0,7}\Z")]


class EncryptedInput(Document, frozen=True, kw_only=True):
    """Binds ciphertexts to their owner, the request and the joint key: the owner's consent to compute on them."""

    KIND: ClassVar[str] = "encrypted-input"

    computation: Hex16
    attempt: Hex16
    request: Hex32
    party: Name
    profile: ProfileName
    key: Hex32  # digest of the joint key
    ciphertexts: Hex32  # digest of all of them, in order


class Evaluation(Document, frozen=True, kw_only=True):
    """The transcript of one evaluation, the same bytes at all key holders; they decrypt `outputs` and nothing else."""

    KIND: ClassVar[str] = "evaluation"

    computation: Hex16
    attempt: Hex16
    request: Hex32
    participants: tuple[Name, ...]  # in the manifest's order, which is that of the committee
    profile: ProfileName
    circuit: Hex32
    key: Hex32
    inputs: dict[str, Hex32]  # by party, digest of its signed input
    outputs: tuple[Hex32, ...]  # digests of the resulting ciphertexts
    heads: tuple[Hex32, ...]  # of their first polynomials, which is what the requester gets of them
