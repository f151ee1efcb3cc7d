"""The node's audit log: every entry holds the hash of the one before, so that nothing can be changed unnoticed.

A cut-off end is noticed by the head kept beside the entries; whoever can rewrite the whole database can rewrite that
too, so the owner notes a `head()` elsewhere now and then and passes it to `verify`.  Entries name who asked what and
what was decided, never a value of a dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from steelyard import records
from steelyard.digest import digest
from steelyard.errors import Cheated, Invalid
from steelyard.storage.database import Database, Row

MAX_EVENT: Final = 100
MAX_FIELDS_BYTES: Final = 1 << 16
_START: Final = bytes(32)
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    sequence: int  # from 1
    at_ms: int
    event: str
    fields: dict[str, object]
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry's number and hash; number 0 before the first."""

    sequence: int
    hash: bytes


class Audit:
    """The append-only log in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, event: str, fields: Mapping[str, object], *, now_ms: int) -> int:
        """Appends an entry and returns its number.  Inside a transaction it stands or falls with it.

        Raises Invalid for fields that are not plain JSON values, or too large.
        """
        if not 0 < len(event) <= MAX_EVENT:
            raise Invalid(f"an event's name has 1 to {MAX_EVENT} characters")
        text = _encoded(fields)
        with self._database.transaction():
            head = self.head()
            number = head.sequence + 1
            link = _hash(number, now_ms, event, text, head.hash)
            self._database.execute(
                "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", (number, now_ms, event, text, head.hash, link)
            )
            self._database.execute("UPDATE audit_head SET sequence = ?, hash = ?", (number, link))
            return number

    def read(self, start: int = 1, limit: int = 100) -> list[Entry]:
        """Entries from number `start`, oldest first."""
        return [_entry(row) for row in self._rows(start, limit)]

    def head(self) -> Head:
        row = self._database.one("SELECT sequence, hash FROM audit_head")
        if row is None:
            raise Cheated("the head of the audit log is missing")
        return Head(row[0], row[1])

    def verify(self, noted: Head | None = None) -> Head:
        """Checks the whole chain and returns its head; with a head noted earlier, that this chain goes on from it.

        Raises Cheated, naming the first entry that does not fit.
        """
        with self._database.transaction():
            end = self.head()
            last = Head(0, _START)
            found = noted is None or noted == last
            while rows := self._rows(last.sequence + 1, _PAGE):
                for row in rows:
                    last = _next(last, row)
                    found = found or last == noted
            if last != end:
                raise Cheated(f"the audit log ends at entry {last.sequence}, its head names entry {end.sequence}")
            if not found:
                raise Cheated("the audit log is not the one the noted head belongs to")
            return end

    def _rows(self, start: int, limit: int) -> list[Row]:
        return self._database.query(
            "SELECT sequence, at_ms, event, fields, previous, hash FROM audit WHERE sequence >= ?"
            " ORDER BY sequence LIMIT ?",
            (start, limit),
        )


def _next(last: Head, row: Row) -> Head:
    number, at_ms, event, text, previous, link = row
    if number != last.sequence + 1:
        raise Cheated(f"entry {last.sequence + 1} of the audit log is missing")
    if previous != last.hash or link != _hash(number, at_ms, event, text, previous):
        raise Cheated(f"entry {number} of the audit log was changed")
    return Head(number, link)


def _entry(row: Row) -> Entry:
    number, at_ms, event, text, previous, link = row
    return Entry(number, at_ms, event, records.from_json(text, dict[str, object]), previous, link)


def _encoded(fields: Mapping[str, object]) -> str:
    if not _plain(dict(fields)):
        raise Invalid("an audit entry holds texts, numbers, and lists and tables of them")
    encoded = msgspec.json.encode(dict(fields))
    if len(encoded) > MAX_FIELDS_BYTES:
        raise Invalid(f"an audit entry has at most {MAX_FIELDS_BYTES} bytes")
    return encoded.decode()


def _plain(value: object, depth: int = 0) -> bool:
    """Nothing that could smuggle in data unseen: no bytes, no arrays, no objects."""
    if isinstance(value, dict):
        return depth < 4 and all(isinstance(key, str) and _plain(each, depth + 1) for key, each in value.items())
    if isinstance(value, list | tuple):
        return depth < 4 and all(_plain(each, depth + 1) for each in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 1 << 63
    return value is None or isinstance(value, str | float | bool)


def _hash(number: int, at_ms: int, event: str, text: str, previous: bytes) -> bytes:
    parts = (number.to_bytes(8, "little"), at_ms.to_bytes(8, "little", signed=True), event.encode(), text.encode())
    return digest("audit", *parts, previous)
