"""A node's sealing key of today, for contributions: one that is stolen opens nothing that was sealed before."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Milliseconds
from steelyard.documents.signed import Document

OF_MANIFEST: Final = 0  # the number of the key that the manifest lists
Number = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class SealingKey(Document, frozen=True, kw_only=True):
    """Signed by the node.  Of several the one with the largest number counts."""

    KIND: ClassVar[str] = "sealing-key"

    consortium: Name
    party: Name
    key: Hex32  # X25519, for HPKE
    number: Annotated[int, msgspec.Meta(ge=1, le=1 << 53)]
    created_ms: Milliseconds
