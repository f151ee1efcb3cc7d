"""A request: what the requester signs and every node decides upon."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.signed import Document

Hex16 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}\\Z")]  # 16 bytes: a computation, an attempt, a data version
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]  # since 1970


class Request(Document, frozen=True, kw_only=True):
    """`arguments` are decoded, strictly, by the function's own type (steelyard.functions)."""

    KIND: ClassVar[str] = "request"

    computation: Hex16
    manifest: Hex32  # the digest of the manifest the requester trusts
    requester: Name
    function: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}\\Z")]
    arguments: dict[str, Any]
    threshold: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0  # lower than the manifest's, for this one; 0 for that
    allow_missing: bool = False  # compute without the parties that do not answer
    purpose: Annotated[str, msgspec.Meta(max_length=500)] = ""
    created_ms: Milliseconds
    expires_ms: Milliseconds


MAX_LIFE_MS = 7 * 24 * 3600 * 1000  # a request that is valid for longer is refused
