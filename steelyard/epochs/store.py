"""`Store`: where a node keeps records and shares: SQLite and the vault in a node, a lossy disk in the simulation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol as Interface

from steelyard.epochs.change import Slot
from steelyard.epochs.record import Record


class Store(Interface):
    """Calls return when it is on the disk, or raise Failed: then the program ends and starts again, it never retries.

    Shares themselves are put there by whoever computed them, under the slot of the change, before `prepare`.
    """

    def load(self, sharing: str) -> Record | None:
        """The record as it was saved last."""

    def save(self, record: Record, *claims: str) -> None:
        """Replaces the record in one transaction, in which the claims become used.

        A claim is the id of an attempt, or the digest of a change that I vote against.
        """

    def used(self, claim: str) -> bool:
        """Whether this was ever claimed here."""

    def digest(self, slot: Slot) -> str:
        """Hex digest of the share that is durable in this slot; empty when there is none, or half of one."""

    def held(self, sharing: str) -> Iterable[Slot]:
        """The slots of a sharing in which there is anything."""

    def erase(self, slot: Slot) -> None:
        """For good, the wrapped data key first; nothing happens when it is gone already."""
