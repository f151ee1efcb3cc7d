"""The audit log: nothing in it can be changed, removed or reordered unnoticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from node import migrations
from node.audit import Audit, Head
from steelyard.errors import Cheated, Invalid
from steelyard.secret import Secret
from steelyard.storage.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "node.db", migrations.FOLDER)
    yield database
    database.close()


@pytest.fixture
def audit(database: Database) -> Audit:
    audit = Audit(database)
    for number in range(5):
        audit.record("asked", {"computation": f"c{number}", "parties": ["bank-a", "bank-b"]}, now_ms=1_000 + number)
    return audit


def tamper(database: Database, *statements: str) -> None:
    """What somebody with the file in hand can do."""
    for trigger in ("audit_is_never_changed", "audit_is_never_deleted"):
        database.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        database.execute(statement)


def test_entries_are_numbered_and_chained(audit: Audit) -> None:
    entries = audit.read()
    assert [each.sequence for each in entries] == [1, 2, 3, 4, 5]
    assert [each.previous for each in entries[1:]] == [each.hash for each in entries[:-1]]
    assert entries[0].previous == bytes(32)
    assert entries[2].fields == {"computation": "c2", "parties": ["bank-a", "bank-b"]}
    assert entries[2].at_ms == 1_002
    assert audit.verify() == audit.head() == Head(5, entries[-1].hash)
    assert [each.sequence for each in audit.read(3, limit=2)] == [3, 4]


def test_an_empty_log_is_whole(database: Database) -> None:
    assert Audit(database).verify() == Head(0, bytes(32))


@pytest.mark.parametrize(
    "column", ["at_ms = 7", "event = 'x'", "fields = '{}'", "previous = zeroblob(32)", "hash = zeroblob(32)"]
)
@pytest.mark.parametrize("sequence", [2, 5])
def test_a_changed_entry_is_named(database: Database, audit: Audit, column: str, sequence: int) -> None:
    tamper(database, f"UPDATE audit SET {column} WHERE sequence = {sequence}")
    with pytest.raises(Cheated, match=f"entry {sequence} of the audit log was changed"):
        audit.verify()


@pytest.mark.parametrize("sequence", [1, 3])
def test_a_removed_entry_is_named(database: Database, audit: Audit, sequence: int) -> None:
    tamper(database, f"DELETE FROM audit WHERE sequence = {sequence}")
    with pytest.raises(Cheated, match=f"entry {sequence} of the audit log is missing"):
        audit.verify()


def test_closing_the_gap_does_not_help(database: Database, audit: Audit) -> None:
    tamper(
        database, "DELETE FROM audit WHERE sequence = 3", "UPDATE audit SET sequence = sequence - 1 WHERE sequence > 3"
    )
    with pytest.raises(Cheated, match="entry 3"):
        audit.verify()


def test_swapped_entries_are_noticed(database: Database, audit: Audit) -> None:
    swap = [f"UPDATE audit SET sequence = {new} WHERE sequence = {old}" for old, new in ((2, 99), (3, 2), (99, 3))]
    tamper(database, *swap)
    with pytest.raises(Cheated, match="entry 2"):
        audit.verify()


def test_a_cut_off_end_is_noticed(database: Database, audit: Audit) -> None:
    tamper(database, "DELETE FROM audit WHERE sequence = 5")
    with pytest.raises(Cheated, match="ends at entry 4, its head names entry 5"):
        audit.verify()


def test_a_noted_head_catches_a_log_rewritten_from_scratch(database: Database, audit: Audit) -> None:
    noted = audit.head()
    audit.record("asked", {}, now_ms=2_000)
    assert audit.verify(noted).sequence == 6
    tamper(database, "DELETE FROM audit", "UPDATE audit_head SET sequence = 0, hash = zeroblob(32)")
    for number in range(7):
        audit.record("harmless", {}, now_ms=number)
    audit.verify()
    with pytest.raises(Cheated, match="noted head"):
        audit.verify(noted)


@pytest.mark.parametrize("statement", ["UPDATE audit SET event = 'x'", "DELETE FROM audit"])
def test_the_table_is_append_only(database: Database, audit: Audit, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(statement)
    audit.verify()


@pytest.mark.parametrize(
    "fields",
    [
        {"x": Secret(7)},
        {"x": b"\0"},
        {"x": np.arange(3)},
        {"x": [np.int64(3)]},
        {"x": [[[[[1]]]]]},
        {"x": 1 << 63},
        {"x": {1: "a"}},
        {"x": "y" * 70_000},
    ],
)
def test_only_plain_and_small_fields_are_recorded(database: Database, fields: dict[str, object]) -> None:
    audit = Audit(database)
    with pytest.raises(Invalid, match="audit entry"):
        audit.record("asked", fields, now_ms=1)
    assert audit.head().sequence == 0


def test_an_entry_falls_with_the_transaction_around_it(database: Database, audit: Audit) -> None:
    def failing() -> None:
        with database.transaction():
            audit.record("asked", {}, now_ms=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert audit.verify().sequence == 5
