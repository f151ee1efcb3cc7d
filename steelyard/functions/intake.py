"""Intake: what contributors without a node have dealt, as a node offers it to the questions that take it up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol as Interface

from steelyard.documents.contribution import ContributionHeader
from steelyard.field import Vector
from steelyard.ids import PartyId
from steelyard.sharing.combination import BEHIND


@dataclass(frozen=True, slots=True)
class Parcel:
    """One contributor's newest contribution at this node: the signed header, its digest, and my share."""

    header: ContributionHeader
    digest: bytes  # of the signed header, which fixes every share
    share: Vector = field(repr=False)  # all layers, one after the other; behind them, until admitted, salt and masks
    sealing: str = ""  # the contributor's public key (hex), to which answers are sealed
    sponsor: str = ""  # who vouches for the contributor

    def layers(self) -> Mapping[str, Vector]:
        """My share of each named layer; views."""
        found, start = {}, 0
        for layer in self.header.layers:
            found[layer.name] = self.share[start : start + layer.length]
            start += layer.length
        return found


Parcels = Mapping[PartyId, Parcel]  # by contributor
Wanted = Callable[[ContributionHeader], bool]


def anything(header: ContributionHeader) -> bool:
    """All of a dataset and purpose is wanted."""
    return True


def salted(header: ContributionHeader) -> bool:
    """Whether salt and masks are behind its layers; a client of an earlier release deals masks alone."""
    return header.length == sum(layer.length for layer in header.layers) + BEHIND


class Intake(Interface):
    """Calls wait for the disk: a question that takes contributions up says that it `waits`."""

    def held(self, dataset: str, purpose: str, wanted: Wanted = anything) -> Parcels:
        """Of each contributor what may be used today: not expired, for this manifest, its sponsor in the policy.

        Only what is `wanted` by its header is opened: anybody with a sponsor fills an inbox.  What is damaged on the
        disk is left out, as if it had not arrived.
        """

    def doubt(self, contribution: str, culprits: Collection[str], suspects: Collection[str]) -> None:
        """It is no sharing of one vector: noted for the owner, and forgotten where its contributor is proven guilty."""

    def settle(self, run: str, dataset: str, cleared: Mapping[PartyId, str], *, despite: bool) -> None:
        """These, by contributor, have been cleared for good by `run`, and are forgotten.

        Raises Conflict where one of them was by another run, or where there is a newer one of the same contributor;
        `despite` that it is forgotten, too.
        """

    def drop(self, contributions: Collection[str]) -> int:
        """Forgets my shares of these; how many were here."""
