"""This node's shelves, as the protocols of one request see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.changes import Changes, OneChange
from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Commit
from steelyard.epochs.change import Change, Slot
from steelyard.epochs.record import Record
from steelyard.field import Vector


@dataclass(frozen=True, slots=True)
class NodeShelves:
    """See `steelyard.functions.shelves.Shelves`."""

    changes: Changes
    points: Mapping[str, int]
    expires_ms: int

    def find(self, name: str) -> tuple[Stored, Record] | None:
        shelf = self.changes.sharings.find(name)
        return (shelf.stored, shelf.record) if shelf else None

    def record(self, sharing: str) -> Record:
        return self.changes.sharings.load(sharing) or Record(sharing)

    def described(self, sharing: str) -> Stored | None:
        return self.changes.sharings.described(sharing)

    def share(self, record: Record) -> Vector:
        return self.changes.sharings.vector(Slot(record.sharing, record.base.epoch, record.base.attempt))

    def begin(self, change: Change, stored: Stored) -> OneChange:
        return self.changes.begin(change, stored)

    def expect(self, certificate: Commit, stored: Stored) -> None:
        self.changes.expect(certificate, stored)

    def restore(self, certificate: Commit, share: Vector, digest: str) -> None:
        self.changes.restore(certificate, share, digest)

    def forget(self, stored: Stored) -> None:
        self.changes.forget(stored)
