"""The wrapped data keys, as rows of the node's database, and the data keys that were opened, in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Final

from steelyard.digest import digest
from steelyard.errors import Conflict, NotFound, StoreFault
from steelyard.randomness import token
from steelyard.storage.database import Database, Row
from steelyard.vault.codecs import CODECS, DATA_KEY, Codec, codec
from steelyard.vault.frames import Header, Seal, check_value
from steelyard.vault.provider import Context, Provider, Wrapped
from steelyard.vault.unit import Unit

_REMEMBERED: Final = 1024  # opened data keys
_SELECT: Final = "SELECT id, kind, name, version, codec, key_version, wrapped, check_value FROM vault_key"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One wrapped data key; `id` is random and begins the names of the unit's files."""

    id: str
    unit: Unit
    codec: str
    wrapped: Wrapped
    check: bytes


@dataclass(frozen=True, slots=True)
class DataKey:
    """A unit's data key, opened."""

    id: str
    node: str
    unit: Unit
    check: bytes
    codec: Codec = field(repr=False)
    key: bytes = field(repr=False)

    def seal(self, file: str) -> Seal:
        return Seal(self.codec, self.check, Header(self.node, str(self.unit), file))

    def derive(self, purpose: str) -> bytes:
        """32 bytes that say nothing of the key or of those for other purposes."""
        return digest("vault-derived", purpose.encode(), self.key)


class Keys:
    """Callable from any thread; changes take part in a transaction around them."""

    def __init__(self, node: str, database: Database, provider: Provider, codec_name: str) -> None:
        codec(codec_name, bytes(DATA_KEY))  # raises Invalid here, not at the first import
        self._node = node
        self._database = database
        self._provider = provider
        self._codec = codec_name
        self._opened: OrderedDict[str, DataKey] = OrderedDict()
        self._lock = RLock()

    def create(self, unit: Unit) -> None:
        """A fresh data key.  Raises Conflict when the unit is there.

        Wrapped inside the transaction: a rotation that ends meanwhile waits, and sees this row before it drops a KEK.
        """
        with self._database.transaction():
            if self.find(unit) is not None:
                raise Conflict(f"the vault has {unit} already")
            key = token(DATA_KEY)
            wrapped = self._provider.wrap(key, self._context(unit))
            self._database.execute(
                "INSERT INTO vault_key (id, kind, name, version, codec, key_version, wrapped, check_value)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(token(16).hex(), unit.kind, unit.name, unit.version, self._codec),
                    *(wrapped.version, wrapped.key, check_value(key)),
                ),
            )

    def find(self, unit: Unit) -> KeyRow | None:
        row = self._database.one(
            f"{_SELECT} WHERE kind = ? AND name = ? AND version = ?", (unit.kind, unit.name, unit.version)
        )
        return None if row is None else _row(row)

    def get(self, unit: Unit) -> KeyRow:
        """Raises NotFound."""
        found = self.find(unit)
        if found is None:
            raise NotFound(f"the vault has no {unit}: it was never there, or it was erased")
        return found

    def open(self, row: KeyRow) -> DataKey:
        """Raises StoreFault if the KEK does not open it."""
        with self._lock:
            known = self._opened.get(row.id)
        if known is not None:
            return known
        opened = self._checked(row)
        with self._lock:
            self._opened[row.id] = opened
            if len(self._opened) > _REMEMBERED:
                self._opened.popitem(last=False)
        if self._database.one("SELECT 1 FROM vault_key WHERE id = ?", (row.id,)) is None:
            self._forget(row.id)  # erased while it was opened
        return opened

    def delete(self, row: KeyRow) -> None:
        self._database.execute("DELETE FROM vault_key WHERE id = ?", (row.id,))
        self._forget(row.id)
        self._database.after_commit(lambda: self._forget(row.id))  # somebody may have opened it meanwhile

    def _forget(self, identity: str) -> None:
        with self._lock:
            self._opened.pop(identity, None)

    def all(self, kind: str = "") -> list[KeyRow]:
        where = "WHERE kind = ?" if kind else ""
        rows = self._database.query(f"{_SELECT} {where} ORDER BY kind, name, version", (kind,) if kind else ())
        return [_row(each) for each in rows]

    def ids(self) -> set[str]:
        return {str(row[0]) for row in self._database.query("SELECT id FROM vault_key")}

    def versions(self) -> dict[str, int]:
        """How many data keys each version of the KEK wraps."""
        found = self._database.query("SELECT key_version, COUNT(*) FROM vault_key GROUP BY key_version")
        return {str(version): int(count) for version, count in found}

    def rewrapped(self, current: str, limit: int) -> dict[str, Wrapped]:
        """At most `limit` keys of other versions, by row, wrapped under the current one.  Changes nothing yet."""
        rows = map(_row, self._database.query(f"{_SELECT} WHERE key_version <> ? LIMIT ?", (current, limit)))
        return {row.id: self._provider.wrap(self._checked(row).key, self._context(row.unit)) for row in rows}

    def replace(self, changed: Mapping[str, Wrapped]) -> None:
        """All or none; what was erased meanwhile stays erased."""
        with self._database.transaction():
            for identity, wrapped in changed.items():
                self._database.execute(
                    "UPDATE vault_key SET key_version = ?, wrapped = ? WHERE id = ?",
                    (wrapped.version, wrapped.key, identity),
                )

    def _checked(self, row: KeyRow) -> DataKey:
        key = self._provider.unwrap(row.wrapped, self._context(row.unit))
        if check_value(key) != row.check:
            raise StoreFault.because(f"the key of {row.unit} is not the one its files were sealed under")
        if row.codec not in CODECS:
            raise StoreFault.because(
                f"{row.unit} is sealed in a way this version does not know: install the newer version"
            )
        return DataKey(row.id, self._node, row.unit, row.check, codec(row.codec, key), key)

    def _context(self, unit: Unit) -> Context:
        return Context(self._node, str(unit))


def _row(row: Row) -> KeyRow:
    identity, kind, name, version, codec_name, key_version, wrapped, check = row
    return KeyRow(identity, Unit(kind, name, version), codec_name, Wrapped(key_version, wrapped), check)
