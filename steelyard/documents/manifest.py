"""The manifest: who belongs to the consortium, under which keys, at which evaluation point, with which minimums.

Versions form a hash chain; each is signed by every organisation's own key, never by the operator.  Pins beat a shared
certificate authority: a stolen CA cannot make a second bank-a.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from steelyard.documents.signed import Document

# \Z, because `$` would let a newline in at the end.
Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]  # 32 bytes: a key or a hash
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*\Z", max_length=40)]


class Organisation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A member of the consortium.  `key` is its own offline Ed25519 key; it signs manifests and nothing else."""

    id: Name
    key: Hex32


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A party's node.  `point` is its evaluation point for ever; keys are raw, `tls` is the SHA-256 of the SPKI."""

    party: Name
    point: Annotated[int, msgspec.Meta(ge=1, le=1 << 32)]
    address: Annotated[str, msgspec.Meta(min_length=3, max_length=255)]  # host:port
    tls: Hex32
    signing: Hex32  # Ed25519
    sealing: Hex32  # X25519, for HPKE
    owner_tls: Hex32  # the owner's certificate: imports data, approves, reads the audit log


class Requester(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may ask; what for is each node's policy."""

    id: Name
    organisation: str
    tls: Hex32
    signing: Hex32
    sealing: Hex32


class CoordinatorEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Name
    address: Annotated[str, msgspec.Meta(min_length=3, max_length=255)]
    tls: Hex32


class Manifest(Document, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "manifest"

    consortium: Name
    version: Annotated[int, msgspec.Meta(ge=1)]
    previous: str  # hex digest of the previous version, empty for the first
    threshold: Annotated[int, msgspec.Meta(ge=2, le=31)]
    minimum_group: Annotated[int, msgspec.Meta(ge=2, le=31)]
    authority: Hex32  # SHA-256 of the certificate authority's certificate
    organisations: tuple[Organisation, ...]
    nodes: tuple[Node, ...]
    requesters: tuple[Requester, ...]
    coordinator: CoordinatorEntry
