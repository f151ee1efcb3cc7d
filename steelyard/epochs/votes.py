"""What nodes sign about a change.  Prepared and Aborted exclude each other: both of one node are proof against it."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from steelyard.documents.manifest import Hex32
from steelyard.documents.request import Hex16
from steelyard.documents.signed import Document
from steelyard.epochs.change import Base

MaybeHex32 = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?\\Z")]


class Prepared(Document, frozen=True, kw_only=True):
    """My new share is on my disk and stood every check; whoever has all voters' may commit, whatever I do.

    Of a holder who leaves (`share` is empty) it is the release: it will erase its share when the change is committed.
    """

    KIND: ClassVar[str] = "prepared"

    sharing: Hex16
    attempt: Hex16
    change: Hex32  # digest
    transcript: Hex32  # of all that was dealt
    checks: Hex32  # of all combinations that were compared
    share: MaybeHex32  # digest of my new share


class Aborted(Document, frozen=True, kw_only=True):
    """I have not prepared this attempt and never will."""

    KIND: ClassVar[str] = "aborted"

    sharing: Hex16
    attempt: Hex16
    change: Hex32


class Unlocked(Document, frozen=True, kw_only=True):
    """I have prepared this attempt, know no outcome after its deadline, and keep my old share beside the new one."""

    KIND: ClassVar[str] = "unlocked"

    sharing: Hex16
    attempt: Hex16
    change: Hex32


class Recovered(Document, frozen=True, kw_only=True):
    """I hold my share of this epoch again; `share` is its digest, which helps me should I lose it once more."""

    KIND: ClassVar[str] = "recovered"

    sharing: Hex16
    base: Base
    share: Hex32
