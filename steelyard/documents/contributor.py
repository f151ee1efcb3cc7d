"""A contributor: somebody without a node, such as a firm, whose keys a requester of the manifest vouches for.

So firms come and go without a new version of the manifest; which sponsors a node trusts, its policy says.
"""

from __future__ import annotations

from typing import ClassVar, Final

from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Milliseconds
from steelyard.documents.signed import Document

MAX_REGISTERED_MS: Final = 2 * 366 * 24 * 3600 * 1000  # a registration that is valid for longer is refused


class Contributor(Document, frozen=True, kw_only=True):
    """Signed by its sponsor.  Keys are raw; the sealing key is for answers to the contributor."""

    KIND: ClassVar[str] = "contributor"

    id: Name
    consortium: Name
    sponsor: Name
    signing: Hex32  # Ed25519
    sealing: Hex32  # X25519, for HPKE
    created_ms: Milliseconds
    expires_ms: Milliseconds
