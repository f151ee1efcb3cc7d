"""Stored sharings at this node: what they hold, where each stands, and this node's shares, sealed in the vault.

The rules by which a record may change are `steelyard.epochs`'; this is the `Store` they ask for, on SQLite and vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from steelyard import records
from steelyard.documents.signed import read
from steelyard.documents.stored import Stored
from steelyard.epochs.change import Slot
from steelyard.epochs.record import Record
from steelyard.errors import Conflict, NotFound, Stale, StoreFault
from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.functions.question import Question
from steelyard.functions.record import Kept
from steelyard.functions.shelves import epoch_digest
from steelyard.storage.database import Database
from steelyard.vault.unit import Unit
from steelyard.vault.vault import Rotation, Vault

_FILE: Final = "share"
_PIECE: Final = 1 << 17  # field elements


@dataclass(frozen=True, slots=True)
class Shelf:
    """One sharing that this node knows of."""

    stored: Stored
    record: Record

    @property
    def epoch(self) -> str:
        """Hex digest that is the same at all whose shares go together; empty without a share."""
        return epoch_digest(self.stored, self.record.base) if self.record.standing == "active" else ""

    @property
    def stands(self) -> bool:
        """Whether its name is taken: from its beginning until it is given up, or this node's share is erased."""
        return self.record.standing != "empty" or self.record.undecided is not None

    @property
    def slot(self) -> Slot:
        return Slot(self.stored.id, self.record.base.epoch, self.record.base.attempt)


class Sharings:
    """Callable from any thread."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def list(self, *, every: bool = False) -> list[Shelf]:
        """All that this node has, or should have, a share of; by name.  With `every`, all it has heard of."""
        rows = self._database.query("SELECT id, description FROM sharing ORDER BY name, id")
        shelves = [Shelf(read(Stored, description), self.load(id_) or Record(id_)) for id_, description in rows]
        return [shelf for shelf in shelves if every or shelf.record.standing != "empty"]

    def find(self, name: str) -> Shelf | None:
        return next((shelf for shelf in self._named(name) if shelf.record.standing != "empty"), None)

    def _named(self, name: str) -> Sequence[Shelf]:
        return [shelf for shelf in self.list(every=True) if shelf.stored.name == name]

    def get(self, name: str) -> Shelf:
        """The sharing, of which this node has a share.  Raises NotFound, or Stale when others have gone on."""
        shelf = self.find(name)
        if shelf is None:
            raise NotFound(f"there is no sharing @{name[:60]}")
        if shelf.record.standing != "active":
            raise Stale(f"this node's share of @{name[:60]} is of an epoch that is over: recover it")
        return shelf

    def is_sound(self, record: Record) -> bool:
        """Whether this node's share is in the vault; that no bit of it has changed, `vault status --verify` says."""
        base = record.base
        return record.standing != "active" or bool(self.digest(Slot(record.sharing, base.epoch, base.attempt)))

    def kept(self, shelf: Shelf) -> Kept:
        """Its description and this node's share; raises StoreFault."""
        return Kept(shelf.stored, shelf.epoch, self.vector(shelf.slot))

    def origin(self, question: Question[Any]) -> str:
        """The dataset whose rules hold for a question; empty for one that gives this node a share it knows nothing of.

        Raises NotFound, Stale.
        """
        wanted = question.wanted
        if not wanted.stored:
            return str(wanted.dataset)
        shelf = self.find(wanted.stored) if question.restores else self.get(wanted.stored)
        return shelf.stored.dataset if shelf else ""

    def describe(self, stored: Stored, *, new: bool = False) -> None:
        """Remembers what a sharing holds, for good; `new` when it is made of nothing.

        Raises Conflict for a name that is taken, another description, or something new that was forgotten before.
        """
        with self._database.transaction():
            known = self._database.one("SELECT description FROM sharing WHERE id = ?", (stored.id,))
            if known is not None and known[0] != stored.encode():
                raise Conflict("this sharing was described otherwise before")
            if new and self._database.one("SELECT 1 FROM forgotten WHERE sharing = ?", (stored.id,)) is not None:
                raise Conflict("this sharing was erased for good: share the data anew, by a new request")
            if any(each.stored.id != stored.id and each.stands for each in self._named(stored.name)):
                raise Conflict(f"there is a sharing @{stored.name} already: choose another name, or forget it first")
            if known is None:
                row = (stored.id, stored.name, stored.encode())
                self._database.execute("INSERT INTO sharing VALUES (?, ?, ?)", row)

    def described(self, sharing: str) -> Stored | None:
        """By id."""
        row = self._database.one("SELECT description FROM sharing WHERE id = ?", (sharing,))
        return None if row is None else read(Stored, row[0])

    def forget(self, sharing: str) -> None:
        """Erases every share of it, and what is known of it.  Raises Conflict while a change is not decided."""
        record = self.load(sharing)
        if record is not None and record.undecided is not None:
            raise Conflict("a change of this sharing is not decided yet: it is forgotten after that")
        with self._database.transaction():
            for slot in self.held(sharing):
                self.erase(slot)
            self._database.execute("DELETE FROM sharing WHERE id = ?", (sharing,))
            self._database.execute("DELETE FROM sharing_record WHERE sharing = ?", (sharing,))
            self._database.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (sharing,))

    def put(self, slot: Slot, share: Vector, hashed: str) -> None:
        """Durable when it returns, in place of one that may be there, wrong or damaged; `hashed` is its digest."""
        unit = _unit(slot)
        if not self._vault.has(unit):
            self._vault.create(unit)
        pieces = (to_bytes(share[start : start + _PIECE]) for start in range(0, share.size, _PIECE))
        self._vault.write(unit, _FILE, pieces)
        self._database.execute("INSERT OR REPLACE INTO share VALUES (?, ?, ?, ?, ?)", (*slot, hashed, share.size))

    def vector(self, slot: Slot) -> Vector:
        """Raises StoreFault for one that is missing or damaged."""
        row = self._database.one(f"SELECT length FROM share WHERE {_SLOT}", slot)
        if row is None:
            raise StoreFault.because(f"no share of {slot.sharing} at epoch {slot.epoch}")
        return from_bytes(self._vault.read(_unit(slot), _FILE), row[0])

    def erased(self) -> int:
        """The number of the last share that was erased since the KEK was renewed; 0 when there is none."""
        row = self._database.one("SELECT max(number) FROM erasure")
        return int(row[0] or 0) if row else 0

    def rotate(self, erased: int) -> Rotation:
        """A new KEK for all that this node keeps, after the erasures up to this number.

        Raises what the provider does, and the next call goes on.
        """
        rotation = self._vault.rotate()
        self._database.execute("DELETE FROM erasure WHERE number <= ?", (erased,))
        return rotation

    def known(self) -> Sequence[str]:
        """The ids of all that this node has a description or a record of."""
        rows = self._database.query("SELECT id FROM sharing UNION SELECT sharing FROM sharing_record")
        return sorted(str(id_) for (id_,) in rows)

    def sweep(self) -> None:
        """Erases the shares of sharings that have no record."""
        names = {unit.name for unit in self._vault.units("share")}
        names |= {str(sharing) for (sharing,) in self._database.query("SELECT sharing FROM share")}
        for sharing in sorted(names):
            for slot in () if self.load(sharing) else self.held(sharing):
                self.erase(slot)

    # What `steelyard.epochs.store.Store` asks for.

    def load(self, sharing: str) -> Record | None:
        row = self._database.one("SELECT record FROM sharing_record WHERE sharing = ?", (sharing,))
        return None if row is None else records.from_json(row[0], Record)

    def save(self, record: Record, *claims: str) -> None:
        with self._database.transaction():
            row = (record.sharing, msgspec.json.encode(record))
            self._database.execute("INSERT OR REPLACE INTO sharing_record VALUES (?, ?)", row)
            for claim in claims:
                self._database.execute("INSERT OR IGNORE INTO change_attempt VALUES (?)", (claim,))

    def used(self, claim: str) -> bool:
        return self._database.one("SELECT 1 FROM change_attempt WHERE attempt = ?", (claim,)) is not None

    def digest(self, slot: Slot) -> str:
        """Empty where the share is not there, or its file is gone or cut off."""
        row = self._database.one(f"SELECT digest FROM share WHERE {_SLOT}", slot)
        return "" if row is None or not self._vault.is_whole(_unit(slot), _FILE) else str(row[0])

    def held(self, sharing: str) -> Iterable[Slot]:
        rows = self._database.query("SELECT sharing, epoch, attempt FROM share WHERE sharing = ?", (sharing,))
        units = [unit for unit in self._vault.units("share") if unit.name == sharing]
        return {Slot(*row) for row in rows} | {_slot(unit) for unit in units}

    def erase(self, slot: Slot) -> None:
        unit = _unit(slot)
        with self._database.transaction():
            self._database.execute(f"DELETE FROM share WHERE {_SLOT}", slot)
            self._database.execute("INSERT INTO erasure DEFAULT VALUES")
            if self._vault.has(unit):
                self._vault.destroy(unit)


_SLOT: Final = "sharing = ? AND epoch = ? AND attempt = ?"


def _unit(slot: Slot) -> Unit:
    return Unit("share", slot.sharing, f"{slot.epoch}-{slot.attempt}")


def _slot(unit: Unit) -> Slot:
    epoch, _, attempt = unit.version.partition("-")
    return Slot(unit.name, int(epoch), attempt)
