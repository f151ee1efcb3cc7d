"""A new version of the manifest, from the draft to the last signature, as one file that travels between organisations.

The file has the form of the manifest file, with the draft as its last version; once everybody has signed, it is the
manifest file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steelyard.documents.manifest import CoordinatorEntry, Manifest, Node, Organisation, Requester
from steelyard.documents.signed import sign_bytes
from steelyard.errors import Conflict, Invalid, Malformed, Unauthenticated
from steelyard.identity.certificates import Role
from steelyard.identity.chain import ManifestChain, ManifestVersion, Signature, link, missing_signatures
from steelyard.identity.entries import Entry
from steelyard.identity.keys import public_hex
from steelyard.identity.membership import Membership, least_minimum_group


def first(
    consortium: str,
    authority: str,
    entries: Sequence[Entry],
    *,
    threshold: int,
    minimum_group: int | None = None,
) -> tuple[ManifestVersion, ...]:
    """Version 1, unsigned.  Points are 1, 2, ... in the order of `entries`; `authority` is the CA's fingerprint."""
    nodes = _nodes(entries, (), {})
    manifest = Manifest(
        consortium=consortium,
        version=1,
        previous="",
        threshold=threshold,
        minimum_group=default_minimum_group(threshold, len(nodes)) if minimum_group is None else minimum_group,
        authority=authority,
        organisations=_organisations(entries, ()),
        nodes=nodes,
        requesters=_requesters(entries, ()),
        coordinator=_coordinator(entries, None),
    )
    return _unsigned((), manifest)


def following(
    chain: ManifestChain,
    entries: Sequence[Entry] = (),
    *,
    removed: Iterable[str] = (),
    threshold: int | None = None,
    minimum_group: int | None = None,
) -> tuple[ManifestVersion, ...]:
    """The chain with one more, unsigned version: entries added or replaced, organisations or requesters `removed`."""
    last, gone = chain.current.manifest, set(removed)
    for stranger in sorted(gone - {each.id for each in last.organisations} - {each.id for each in last.requesters}):
        raise Invalid(f"{stranger[:60]!r} is not in the manifest and cannot be removed")
    nodes = _nodes(entries, [each for each in last.nodes if each.party not in gone], _points(chain))
    manifest = msgspec.structs.replace(
        last,
        version=last.version + 1,
        previous=chain.current.digest,
        threshold=threshold or last.threshold,
        minimum_group=minimum_group
        or max(last.minimum_group, least_minimum_group(threshold or last.threshold, len(nodes))),
        organisations=_organisations(entries, [each for each in last.organisations if each.id not in gone]),
        nodes=nodes,
        requesters=_requesters(entries, [each for each in last.requesters if not {each.id, each.organisation} & gone]),
        coordinator=_coordinator(entries, last.coordinator),
    )
    return _unsigned(chain.versions, manifest)


def sign(
    versions: Sequence[ManifestVersion],
    organisation: str,
    key: Ed25519PrivateKey,
    pin: str = "",
) -> tuple[ManifestVersion, ...]:
    """The draft with one more signature.

    What comes before the draft is verified from `pin`, which only a first version does without.  Raises Unauthenticated
    when `key` is not the organisation's in this version or the one before, Conflict when it has signed already.
    """
    concerned = _concerned(versions, pin)
    keys = {
        each.key for membership in concerned for each in membership.manifest.organisations if each.id == organisation
    }
    if public_hex(key) not in keys:
        raise Unauthenticated(f"this key is not the one that the manifest lists for {organisation[:60]!r}")
    draft = versions[-1]
    signed = sign_bytes(Manifest.KIND, draft.payload, organisation, key)
    added = Signature(signer=organisation, signature=signed.signature)
    if added in draft.signatures:
        raise Conflict(f"{organisation} has signed this draft already")
    return (*versions[:-1], msgspec.structs.replace(draft, signatures=(*draft.signatures, added)))


def missing(versions: Sequence[ManifestVersion], pin: str = "") -> tuple[str, ...]:
    """The organisations that have still to sign the last version."""
    concerned = _concerned(versions, pin)
    return missing_signatures(versions[-1], concerned)


def _concerned(versions: Sequence[ManifestVersion], pin: str) -> Sequence[Membership]:
    """The draft's membership behind the one before it, whose history has been verified."""
    if not versions:
        raise Malformed("a draft holds at least one version")
    memberships = link(versions)
    if len(versions) > 1:
        ManifestChain(versions[:-1], pin)
    return memberships[-2:]


def _unsigned(versions: Sequence[ManifestVersion], manifest: Manifest) -> tuple[ManifestVersion, ...]:
    version = ManifestVersion(payload=manifest.encode())
    Membership(manifest, version.digest)  # a draft that breaks a rule is not worth anybody's signature
    link((*versions, version))
    return (*versions, version)


def _points(chain: ManifestChain) -> dict[str, int]:
    """Every point ever given, also to parties that left: they get theirs back, nobody else does."""
    return {party: point for membership in chain.memberships for party, point in membership.points.items()}


def _nodes(entries: Iterable[Entry], existing: Iterable[Node], points: dict[str, int]) -> tuple[Node, ...]:
    nodes, points = {node.party: node for node in existing}, dict(points)
    for entry in _of(Role.NODE, entries):
        point = points.setdefault(entry.id, max(points.values(), default=0) + 1)
        nodes[entry.id] = entry.as_node(point)
    return tuple(nodes.values())


def _organisations(entries: Iterable[Entry], existing: Iterable[Organisation]) -> tuple[Organisation, ...]:
    added = {entry.organisation: entry.as_organisation() for entry in _of(Role.NODE, entries)}
    return tuple(({each.id: each for each in existing} | added).values())


def _requesters(entries: Iterable[Entry], existing: Iterable[Requester]) -> tuple[Requester, ...]:
    added = {entry.id: entry.as_requester() for entry in _of(Role.REQUESTER, entries)}
    return tuple(({each.id: each for each in existing} | added).values())


def _coordinator(entries: Iterable[Entry], existing: CoordinatorEntry | None) -> CoordinatorEntry:
    found = [entry.as_coordinator() for entry in _of(Role.COORDINATOR, entries)] or ([existing] if existing else [])
    if len(found) != 1:
        raise Invalid(f"a manifest has one coordinator, these entries have {len(found)}")
    return found[0]


def _of(role: Role, entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.role == role]


def default_minimum_group(threshold: int, size: int) -> int:
    """At least three parties behind a result, and more where more may collude."""
    return min(size, max(3, least_minimum_group(threshold, size)))
