"""The manifest's history: a list of versions, each signed by every organisation, each naming the one before it.

The digest of version 1 is pinned out of band; nothing else is trusted.  A later version is signed by every organisation
that it lists and by every one of the version before, under the keys of each: nobody is added, removed or re-keyed, and
no threshold moves, behind the back of anybody concerned.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from steelyard import records
from steelyard.digest import digest
from steelyard.documents.manifest import Manifest
from steelyard.documents.signed import Signed, read
from steelyard.errors import Conflict, Malformed, Unauthenticated
from steelyard.identity import files
from steelyard.identity.keys import signing_public
from steelyard.identity.membership import Membership

MAX_CHAIN: Final = 1 << 24  # bytes of a manifest file
MAX_VERSIONS: Final = 1024


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One organisation's signature under the payload; an organisation that changes its key has two."""

    signer: str
    signature: bytes


class ManifestVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The exact bytes of one manifest and the signatures collected so far."""

    payload: bytes
    signatures: tuple[Signature, ...] = ()

    @property
    def digest(self) -> str:
        """64 hexadecimal digits; equal to the digest of a signed document with these bytes."""
        return digest("document", Manifest.KIND.encode(), self.payload).hex()

    @property
    def manifest(self) -> Manifest:
        return read(Manifest, self.payload)


class ManifestChain:
    """A verified history.  Raises Unauthenticated when it does not start at `pin`, a link or a signature is missing."""

    def __init__(self, versions: Sequence[ManifestVersion], pin: str) -> None:
        if not 1 <= len(versions) <= MAX_VERSIONS:
            raise Malformed(f"a manifest file holds 1 to {MAX_VERSIONS} versions")
        if not hmac.compare_digest(versions[0].digest.encode(), pin.strip().encode()):
            raise Unauthenticated("the first version of this manifest is not the one that was pinned out of band")
        self.pin: Final = pin.strip()
        self.versions: Final = tuple(versions)
        self.memberships: Final = link(versions)
        for number, version in enumerate(self.versions):
            require_signatures(version, self.memberships[max(0, number - 1) : number + 1])

    @classmethod
    def load(cls, path: Path, pin: str) -> ManifestChain:
        """The chain in a manifest file, verified from `pin` on."""
        return cls(load_versions(path), pin)

    @property
    def current(self) -> Membership:
        return self.memberships[-1]

    def check_successor(self, newer: ManifestChain) -> None:
        """Raises Conflict unless `newer` continues this very history: no fork, and no way back to an old version."""
        mine, theirs = ([each.digest for each in chain.memberships] for chain in (self, newer))
        if theirs[: len(mine)] != mine:
            raise Conflict(f"this manifest does not continue version {self.current.version} held here")


def link(versions: Sequence[ManifestVersion]) -> tuple[Membership, ...]:
    """The memberships of a history whose versions follow each other; signatures are not looked at."""
    memberships: list[Membership] = []
    holders: dict[int, str] = {}
    for version in versions:
        membership = Membership(version.manifest, version.digest)
        _check_link(memberships[-1] if memberships else None, membership)
        _check_points(holders, membership)
        memberships.append(membership)
    return tuple(memberships)


def missing_signatures(version: ManifestVersion, concerned: Sequence[Membership]) -> tuple[str, ...]:
    """The organisations (of this version and the one before) that have still to sign, sorted.

    Raises Unauthenticated for a signature that belongs to none of them.
    """
    required = {(each.id, each.key) for membership in concerned for each in membership.manifest.organisations}
    given: set[tuple[str, str]] = set()
    for signature in version.signatures:
        keys = [key for signer, key in required if signer == signature.signer]
        valid = {(signature.signer, key) for key in keys if _verifies(version, signature, key)}
        if not valid:
            raise Unauthenticated(f"a signature under the manifest in the name of {signature.signer[:60]!r} is forged")
        given |= valid
    return tuple(sorted({signer for signer, _ in required - given}))


def require_signatures(version: ManifestVersion, concerned: Sequence[Membership]) -> None:
    """Raises Unauthenticated, naming who has not signed."""
    missing = missing_signatures(version, concerned)
    if missing:
        raise Unauthenticated(f"version {concerned[-1].version} of the manifest is not signed by {', '.join(missing)}")


def load_versions(path: Path) -> tuple[ManifestVersion, ...]:
    """The versions in a manifest file or a draft, unverified; raises Malformed for another file."""
    try:
        return records.from_json(files.read(path, MAX_CHAIN), tuple[ManifestVersion, ...])
    except records.DecodeError:
        raise Malformed(f"{path.name} is no manifest file") from None


def save_versions(versions: Sequence[ManifestVersion], path: Path) -> None:
    """Replaces the file at `path` in one step."""
    files.replace(path, msgspec.json.format(msgspec.json.encode(versions)))


def _check_link(previous: Membership | None, membership: Membership) -> None:
    expected = (previous.version + 1, previous.digest) if previous else (1, "")
    if (membership.version, membership.manifest.previous) != expected:
        raise Unauthenticated(f"version {membership.version} of the manifest does not follow version {expected[0] - 1}")
    if previous and previous.consortium != membership.consortium:
        raise Unauthenticated("the manifest changes its consortium's name, which no version may")


def _check_points(holders: dict[int, str], membership: Membership) -> None:
    """A point is a party's for ever: two parties on one point, or one on two, would mix up stored shares."""
    for party, point in membership.points.items():
        if holders.setdefault(point, party) != party:
            raise Unauthenticated(f"evaluation point {point} belonged to {holders[point]} and cannot pass to {party}")
    if len(set(holders.values())) != len(holders):
        moved = sorted(p for p in membership.parties if list(holders.values()).count(p) > 1)
        raise Unauthenticated(f"the evaluation point of {', '.join(moved)} changed, which no version may")


def _verifies(version: ManifestVersion, signature: Signature, key: str) -> bool:
    signed = Signed(kind=Manifest.KIND, payload=version.payload, signer=signature.signer, signature=signature.signature)
    try:
        signed.open(Manifest, {signature.signer: signing_public(key)})
    except Unauthenticated:
        return False
    return True
