"""What nodes sign when they deal to each other for a stored sharing, so that a cheat can be proven later."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Hex16
from steelyard.documents.signed import Document

Place = Annotated[str, msgspec.Meta(max_length=100)]  # code/receiver, or code for what the dealer alone knows


class PolynomialHeader(Document, frozen=True, kw_only=True):
    """Fixes all that a dealer deals: the hash of each key that a share is expanded from, or of the share itself."""

    KIND: ClassVar[str] = "polynomial-header"

    attempt: Hex16
    context: Hex32  # digest of what it is dealt for
    dealer: Name
    commitments: dict[Place, Hex32]


class CheckNote(Document, frozen=True, kw_only=True):
    """What a receiver was dealt: whose headers it saw, and its combinations of the shares, or whom it complains of."""

    KIND: ClassVar[str] = "check-note"

    attempt: Hex16
    context: Hex32
    party: Name
    headers: dict[Name, Hex32]  # digests by dealer; none of a dealer who sent something else
    combinations: dict[Place, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{48}\\Z")]]  # code/dealer: three elements
    complaints: tuple[Name, ...]  # dealers whose message was not what their own header says


class KeyOpening(Document, frozen=True, kw_only=True):
    """After an attempt is dead: every key that the dealer used in it, from which all its dealing follows."""

    KIND: ClassVar[str] = "key-opening"

    attempt: Hex16
    context: Hex32
    dealer: Name
    keys: dict[Place, Hex32]
