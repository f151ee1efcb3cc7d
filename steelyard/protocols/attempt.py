"""`Attempt`: what a protocol knows about where it runs; the same everywhere but for `me` and its signing key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from steelyard.ids import AttemptId, ComputationId, PartyId


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one computation.  `quorum` counts nodes of the whole manifest, whether they take part or not."""

    computation: ComputationId
    attempt: AttemptId
    request: str  # hex digest of the signed request
    manifest: str  # hex digest
    me: PartyId
    participants: tuple[PartyId, ...]  # in the manifest's order
    points: Mapping[PartyId, int]  # of the participants
    threshold: int
    liars: int  # how many lying nodes are reckoned with: one less than the manifest's threshold, whatever that here
    quorum: int
    minimum_group: int
    signing: Ed25519PrivateKey = field(repr=False)
    keys: Mapping[str, Ed25519PublicKey] = field(repr=False)

    @property
    def others(self) -> tuple[PartyId, ...]:
        return tuple(party for party in self.participants if party != self.me)
