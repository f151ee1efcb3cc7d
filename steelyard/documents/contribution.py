"""A contribution: one vector, dealt once by somebody without a node; one sealed share for each node.

The header says everything about it but the values.  It fixes every share (`commitments`), so the nodes' check of the
dealing needs no coin, and every ciphertext (`sealed`), so whoever carries the bundle can tell whether it is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

import msgspec

from steelyard.digest import Part, digest, frame
from steelyard.documents.attempt import MAX_ROWS, Bound, Decimals
from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Hex16, Milliseconds
from steelyard.documents.sealing_key import Number
from steelyard.documents.signed import Document, Signed
from steelyard.documents.stored import Identifier

MAX_LENGTH: Final = 1 << 23  # field elements: what is sealed at once
MAX_LAYERS: Final = 1000
MAX_LIFE_MS: Final = 366 * 24 * 3600 * 1000  # of one contribution
ELEMENT: Final = 8  # bytes of one field element


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named stretch of the vector."""

    name: Identifier
    length: Annotated[int, msgspec.Meta(ge=0, le=MAX_LENGTH)]


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column: its decimals, and the largest declared |value| of one row, 0 for none declared."""

    name: Identifier
    decimals: Decimals
    bound: Bound


class ContributionHeader(Document, frozen=True, kw_only=True):
    """Signed by the contributor.  Of several for one dataset the newest (`created_ms`) counts."""

    KIND: ClassVar[str] = "contribution"

    id: Hex16
    manifest: Hex32
    contributor: Name
    dataset: Identifier
    purpose: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}\Z")]  # what the layers are: "record" for a table
    columns: Annotated[tuple[Measure, ...], msgspec.Meta(max_length=MAX_LAYERS)]
    rows: Annotated[int, msgspec.Meta(ge=0, le=MAX_ROWS)]  # padding included
    layers: Annotated[tuple[Layer, ...], msgspec.Meta(min_length=1, max_length=MAX_LAYERS)]  # in order
    length: Annotated[int, msgspec.Meta(ge=1, le=MAX_LENGTH)]  # field elements: all layers, then salt and masks
    threshold: Annotated[int, msgspec.Meta(ge=2, le=31)]
    commitments: dict[Name, Hex32]  # node -> digest of its share
    sealed: dict[Name, Hex32]  # node -> digest of its ciphertext
    keys: dict[Name, Number]  # node -> number of the sealing key; those not named, the manifest's
    created_ms: Milliseconds
    expires_ms: Milliseconds


@dataclass(frozen=True, slots=True)
class Bundle:
    """A contribution on its way: to the coordinator with a ciphertext for every node, to a node with its own."""

    registration: Signed
    header: Signed
    parts: Mapping[str, bytes] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of ciphertext."""
        return sum(map(len, self.parts.values()))


def commitment(contribution: str, node: str, share: Part) -> str:
    """What a header says of a node's share; the salt in it keeps the digest from confirming a guess of them."""
    return digest("contribution-commitment", contribution.encode(), node.encode(), share).hex()


def seal_digest(ciphertext: Part) -> str:
    return digest("contribution-ciphertext", ciphertext).hex()


def context(manifest: str, contribution: str, contributor: str, signing: str, node: str) -> bytes:
    """What a share is sealed for.  The key is part of it: nobody passes another's ciphertext off as its own."""
    return frame(
        "contribution-share", *(each.encode() for each in (manifest, contribution, contributor, signing, node))
    )
