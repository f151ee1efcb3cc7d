"""`Membership`: one version of the manifest, checked, as everybody else reads it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from steelyard.documents.manifest import Manifest
from steelyard.documents.signed import read
from steelyard.errors import Invalid, Malformed, NotFound, Unauthenticated
from steelyard.identity import addresses
from steelyard.identity.certificates import Identity, Role, load_certificate, read_identity, spki_pin
from steelyard.identity.keys import signing_public
from steelyard.ids import PartyId

MAX_NODES: Final = 31

K = TypeVar("K")
V = TypeVar("V")


class Membership:
    """The validated, read-only view of a manifest; who signed it is `ManifestChain`'s business.

    `digest` (64 hexadecimal digits) stands for the exact bytes of this version.  Raises Invalid for a manifest that
    breaks a rule, and names the rule.
    """

    def __init__(self, manifest: Manifest, digest: str) -> None:
        _check(manifest)
        ordered = sorted(manifest.nodes, key=lambda node: node.point)
        self.manifest: Final = manifest
        self.digest: Final = digest
        self.consortium: Final = manifest.consortium
        self.version: Final = manifest.version
        self.threshold: Final = manifest.threshold
        self.size: Final = len(ordered)
        self.minimum_group: Final = manifest.minimum_group
        self.quorum: Final = -(-(self.size + self.threshold) // 2)  # any two quorums share an honest node
        self.parties: Final = tuple(PartyId(node.party) for node in ordered)
        self.points: Final[Mapping[PartyId, int]] = MappingProxyType({PartyId(n.party): n.point for n in ordered})
        self.points_by_name: Final[Mapping[str, int]] = MappingProxyType({n.party: n.point for n in ordered})
        self.signing_keys: Final = _public_keys((node.party, node.signing) for node in ordered)
        self.requester_keys: Final = _public_keys((each.id, each.signing) for each in manifest.requesters)
        self.organisation_keys: Final = _public_keys((each.id, each.key) for each in manifest.organisations)
        self._nodes = {node.party: node for node in ordered}
        self._requesters = {each.id: each for each in manifest.requesters}
        self._pins = _pins(manifest)

    def address(self, party: str) -> str:
        """host:port of a party's node."""
        return _found(self._nodes, party, "node").address

    @property
    def coordinator_address(self) -> str:
        return self.manifest.coordinator.address

    def sealing_key(self, requester: str) -> bytes:
        """The 32 bytes of the X25519 key that results for `requester` are sealed to."""
        return bytes.fromhex(_found(self._requesters, requester, "requester").sealing)

    def node_sealing_key(self, party: str) -> bytes:
        """The 32 bytes of the X25519 key that a contributor seals a party's shares to."""
        return bytes.fromhex(_found(self._nodes, party, "node").sealing)

    def organisation_of(self, requester: str) -> str:
        """The organisation that a requester belongs to."""
        return _found(self._requesters, requester, "requester").organisation

    def identify(self, certificate: bytes) -> Identity:
        """Who holds this certificate (PEM or DER): its URI names somebody, and the manifest pins that somebody's key.

        The handshake has proven possession of the key.  Raises Unauthenticated for another consortium, a name the
        manifest does not know in that role, or another key under a known name, whoever signed the certificate.
        """
        loaded = load_certificate(certificate)
        identity = read_identity(loaded)
        pin = self._pins.get((identity.role, identity.id)) if identity.consortium == self.consortium else None
        if pin is None:
            raise Unauthenticated(f"the manifest of {self.consortium} knows no {identity.uri}")
        if not hmac.compare_digest(pin, spki_pin(loaded)):
            raise Unauthenticated(f"the certificate of {identity.uri} has another key than the manifest pins")
        return identity

    def pin(self, identity: Identity) -> str:
        """The pinned key of a name, 64 hexadecimal digits; raises NotFound."""
        return _found(self._pins, (identity.role, identity.id), "certificate")


def least_minimum_group(threshold: int, size: int) -> int:
    """k+1 parties behind every total, so that two honest ones stay mixed when k-1 collude; all of them when n = k."""
    return min(threshold + 1, size)


def _check(manifest: Manifest) -> None:
    _check_sizes(manifest)
    try:
        read(Manifest, manifest.encode())  # a struct built in memory has not met its own bounds yet
    except Malformed:
        raise Invalid("the manifest has a field outside its bounds: a name, key, point or address") from None
    organisations = [each.id for each in manifest.organisations]
    _distinct(organisations, "organisation")
    _distinct([node.party for node in manifest.nodes], "node")
    _distinct([each.id for each in manifest.requesters], "requester")
    _distinct([node.point for node in manifest.nodes], "evaluation point")
    _distinct(_all_keys(manifest), "key")
    members = [node.party for node in manifest.nodes] + [each.organisation for each in manifest.requesters]
    for stranger in sorted(set(members) - set(organisations)):
        raise Invalid(f"{stranger[:60]!r} has a node or a requester but is no organisation of the consortium")
    for address in [manifest.coordinator.address, *(node.address for node in manifest.nodes)]:
        addresses.split(address)


def _check_sizes(manifest: Manifest) -> None:
    size = len(manifest.nodes)
    if not 2 <= size <= MAX_NODES:
        raise Invalid(f"a consortium has 2 to {MAX_NODES} nodes, this one has {size}")
    if not 1 < manifest.threshold <= size:
        raise Invalid(f"the threshold is {manifest.threshold}; with {size} nodes it lies between 2 and {size}")
    least = least_minimum_group(manifest.threshold, size)
    if not least <= manifest.minimum_group <= size:
        raise Invalid(
            f"the minimum group is {manifest.minimum_group}; with {size} nodes and threshold {manifest.threshold}"
            f" it lies between {least} and {size}"
        )


def _distinct(values: Iterable[str | int], what: str) -> None:
    seen: set[str | int] = set()
    for each in values:
        if each in seen:
            raise Invalid(f"the manifest lists one {what} twice: {each}")
        seen.add(each)


def _all_keys(manifest: Manifest) -> Iterable[str]:
    """One key, one holder, one purpose: everything pinned is compared with everything."""
    yield manifest.coordinator.tls
    yield from (each.key for each in manifest.organisations)
    for node in manifest.nodes:
        yield from (node.tls, node.owner_tls, node.signing, node.sealing)
    for each in manifest.requesters:
        yield from (each.tls, each.signing, each.sealing)


def _pins(manifest: Manifest) -> dict[tuple[Role, str], str]:
    pins = {(Role.COORDINATOR, manifest.coordinator.id): manifest.coordinator.tls}
    pins |= {(Role.REQUESTER, each.id): each.tls for each in manifest.requesters}
    pins |= {(Role.NODE, node.party): node.tls for node in manifest.nodes}
    return pins | {(Role.OWNER, node.party): node.owner_tls for node in manifest.nodes}


def _public_keys(pairs: Iterable[tuple[str, str]]) -> Mapping[str, Ed25519PublicKey]:
    return MappingProxyType({name: signing_public(raw) for name, raw in pairs})


def _found(entries: Mapping[K, V], key: K, what: str) -> V:
    try:
        return entries[key]
    except KeyError:
        raise NotFound(f"the manifest knows no such {what}") from None
