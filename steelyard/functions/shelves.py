"""Shelves: what a node offers to the protocols that make, change and give back stored sharings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol as Interface

from steelyard.digest import digest
from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Commit
from steelyard.epochs.change import Base, Change
from steelyard.epochs.record import Record
from steelyard.field import Vector
from steelyard.protocols.vote import Ballot, Votes


def epoch_digest(stored: Stored, base: Base) -> str:
    """In hex: the same at all whose shares go together; a hello says it of the sharing that is asked about."""
    return digest("epoch", stored.encode(), str(base.epoch).encode(), base.attempt.encode()).hex()


class OneBallot(Ballot, Interface):
    """One change that was begun."""

    def conclude(self, votes: Votes) -> None:
        """Returns once the change is committed here; raises Failed when it was given up, or is not decided in time."""


class Shelves(Interface):
    """Calls return when it is on the disk, and may wait for it.

    `points` are the manifest's; `expires_ms` is when this request, and any change, is over, the same at all nodes.
    """

    @property
    def points(self) -> Mapping[str, int]: ...

    @property
    def expires_ms(self) -> int: ...

    def find(self, name: str) -> tuple[Stored, Record] | None:
        """What is known of a sharing by that name."""

    def record(self, sharing: str) -> Record:
        """Where this node stands; a new one of an unknown sharing."""

    def described(self, sharing: str) -> Stored | None:
        """What is known of a sharing by its id."""

    def share(self, record: Record) -> Vector:
        """My share of the active epoch; raises StoreFault."""

    def begin(self, change: Change, stored: Stored) -> OneBallot:
        """Before the first message of a change leaves; raises Conflict or Invalid."""

    def expect(self, certificate: Commit, stored: Stored) -> None:
        """Before my lost share of the epoch that this made is rebuilt; raises Conflict, Invalid, Unauthenticated."""

    def restore(self, certificate: Commit, share: Vector, digest: str) -> None:
        """My lost share is rebuilt: from now on I have it again."""

    def forget(self, stored: Stored) -> None:
        """Erases my share and all I know of the sharing."""
