"""Who contributors are, and whether what is said to come from one does: the same checks at coordinator and nodes.

Nothing in here opens anything.  Which sponsors count is each node's policy, not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steelyard.documents.contribution import ELEMENT, MAX_LIFE_MS, ContributionHeader, seal_digest
from steelyard.documents.contributor import MAX_REGISTERED_MS, Contributor
from steelyard.documents.signed import Signed, sign
from steelyard.errors import Conflict, Invalid, Malformed, Unauthenticated
from steelyard.identity.keys import signing_public
from steelyard.identity.membership import Membership
from steelyard.identity.sealing import OVERHEAD

MAX_SKEW_MS: Final = 5 * 60 * 1000  # clocks agree within five minutes


@dataclass(frozen=True, slots=True)
class Announced:
    """A contribution's header with everything about its origin checked."""

    contributor: Contributor
    header: ContributionHeader
    digest: bytes  # of the signed header: fixes every share


def vouch(contributor: Contributor, key: Ed25519PrivateKey) -> Signed:
    """The registration, signed by the sponsor that it names."""
    return sign(contributor, contributor.sponsor, key)


def registered(signed: Signed, membership: Membership, now_ms: int) -> Contributor:
    """The contributor that a requester of the manifest vouches for.

    Raises Unauthenticated for a sponsor that the manifest does not know or another consortium, Invalid for dates.
    """
    contributor = signed.open(Contributor, membership.requester_keys)
    if signed.signer != contributor.sponsor:
        raise Unauthenticated("a registration is signed by the sponsor that it names")
    if contributor.consortium != membership.consortium:
        raise Unauthenticated("the contributor is registered with another consortium")
    if contributor.id in membership.parties:
        raise Unauthenticated(f"{contributor.id} is a party of the manifest: a contributor has a name of its own")
    _check_dates("registration", contributor.created_ms, contributor.expires_ms, MAX_REGISTERED_MS, now_ms)
    return contributor


def announced(registration: Signed, header: Signed, membership: Membership, now_ms: int) -> Announced:
    """Who contributes what, by both signatures; says nothing about the shares.

    Raises Unauthenticated, Invalid for dates and sizes, Conflict for another version of the manifest.
    """
    contributor = registered(registration, membership, now_ms)
    opened = header.open(ContributionHeader, {contributor.id: signing_public(contributor.signing)})
    if not header.signer == opened.contributor == contributor.id:
        raise Unauthenticated("a contribution is signed by the contributor that it names")
    if opened.manifest != membership.digest:
        raise Conflict("the contribution is for another version of the manifest: contribute again")
    if opened.threshold != membership.threshold or set(opened.commitments) != set(membership.parties):
        raise Invalid("a contribution is dealt to all nodes of the manifest, at its threshold")
    if set(opened.sealed) != set(membership.parties):
        raise Invalid("a contribution has a sealed share for every node of the manifest")
    if sum(layer.length for layer in opened.layers) >= opened.length:
        raise Invalid("a contribution's layers are shorter than its vector, which ends with masks")
    _check_dates("contribution", opened.created_ms, opened.expires_ms, MAX_LIFE_MS, now_ms)
    return Announced(contributor, opened, header.digest)


def check_sealed(header: ContributionHeader, node: str, ciphertext: bytes) -> None:
    """Whether this is the ciphertext that the header names for this node; raises Malformed."""
    if len(ciphertext) != ELEMENT * header.length + OVERHEAD or seal_digest(ciphertext) != header.sealed[node]:
        raise Malformed(f"the sealed share for {node} is not the one that the contribution's header names")


def _check_dates(what: str, created_ms: int, expires_ms: int, longest: int, now_ms: int) -> None:
    if not created_ms < expires_ms <= created_ms + longest:
        raise Invalid(f"a {what} expires after it was made, and at most {longest // 86_400_000} days later")
    if created_ms > now_ms + MAX_SKEW_MS:
        raise Invalid(f"the {what} was made in the future: check the clocks")
    if expires_ms <= now_ms:
        raise Invalid(f"the {what} has expired: make a new one")
