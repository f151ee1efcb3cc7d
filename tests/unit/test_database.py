"""The database: whole transactions, numbered migrations, and disks that give out."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from steelyard.errors import Conflict, Failed, Invalid
from steelyard.storage.database import Database

FIRST = "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT UNIQUE NOT NULL) STRICT;"


def scripts(folder: Path, *texts: str) -> Path:
    place = folder / "migrations"
    place.mkdir(exist_ok=True)
    for number, text in enumerate(texts, 1):
        (place / f"{number:04d}_step.sql").write_text(text)
    return place


def opened(folder: Path, *texts: str) -> Database:
    return Database(folder / "node.db", scripts(folder, *(texts or (FIRST,))))


def bodies(database: Database) -> list[str]:
    return [row[0] for row in database.query("SELECT body FROM note ORDER BY id")]


def add(database: Database, body: str) -> int:
    return database.execute("INSERT INTO note (body) VALUES (?)", (body,))


def add_both(database: Database, one: str, other: str) -> None:
    with database.transaction():
        add(database, one)
        add(database, other)


def add_and_fail(database: Database, body: str, *, nested: bool = False) -> None:
    with database.transaction():
        if nested:
            add_both(database, body, body + " too")
        else:
            add(database, body)
        raise ZeroDivisionError


def test_the_file_is_the_owners_and_the_pragmas_are_safe(tmp_path: Path) -> None:
    database = opened(tmp_path)
    assert stat.S_IMODE((tmp_path / "node.db").stat().st_mode) == 0o600
    pragmas = {name: database.one(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "secure_delete")}
    assert pragmas == {"journal_mode": ("delete",), "synchronous": (2,), "secure_delete": (1,)}
    assert database.one("PRAGMA foreign_keys") == (1,)
    database.close()


def test_a_transaction_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    database = opened(tmp_path)
    with database.transaction():
        add(database, "kept")
    with pytest.raises(ZeroDivisionError):
        add_and_fail(database, "lost")
    assert bodies(database) == ["kept"]
    database.close()
    database = opened(tmp_path)
    assert bodies(database) == ["kept"]
    database.close()


def test_an_inner_transaction_falls_alone_or_with_the_outer_one(tmp_path: Path) -> None:
    database = opened(tmp_path)
    with database.transaction():
        add(database, "outer")
        with pytest.raises(ZeroDivisionError):
            add_and_fail(database, "inner")
        add(database, "outer again")
    with pytest.raises(ZeroDivisionError):
        add_and_fail(database, "inner kept for now", nested=True)
    assert bodies(database) == ["outer", "outer again"]
    database.close()


def test_threads_take_turns(tmp_path: Path) -> None:
    database = opened(tmp_path)

    def work(name: int) -> None:
        with database.transaction():
            (count,) = database.one("SELECT count(*) FROM note") or (0,)
            add(database, f"{name} saw {count}")

    threads = [threading.Thread(target=work, args=(each,)) for each in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [body.split()[-1] for body in bodies(database)] == [str(count) for count in range(8)]
    database.close()


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    database = opened(tmp_path)
    add(database, "old")
    database.close()
    second = "ALTER TABLE note ADD COLUMN extra TEXT; UPDATE note SET extra = body || '!';"
    for _ in range(2):
        database = opened(tmp_path, FIRST, second)
        assert database.query("SELECT body, extra FROM note") == [("old", "old!")]
        assert database.one("PRAGMA user_version") == (2,)
        database.close()


def test_a_failed_migration_leaves_the_old_schema(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with pytest.raises(sqlite3.OperationalError):
        opened(tmp_path, FIRST, "CREATE TABLE more (x); SELECT nonsense FROM nowhere;")
    (tmp_path / "migrations" / "0002_step.sql").unlink()
    database = opened(tmp_path)
    assert database.one("PRAGMA user_version") == (1,)
    assert database.query("SELECT name FROM sqlite_master WHERE name = 'more'") == []
    database.close()


def test_a_newer_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    opened(tmp_path, FIRST, "CREATE TABLE more (x);").close()
    (tmp_path / "migrations" / "0002_step.sql").unlink()
    with pytest.raises(Conflict, match="schema 2, this program knows 1: install the newer version"):
        opened(tmp_path)


def test_a_gap_between_migrations_is_refused(tmp_path: Path) -> None:
    (scripts(tmp_path, FIRST) / "0003_step.sql").write_text("SELECT 1;")
    with pytest.raises(Invalid, match="0001, 0002"):
        Database(tmp_path / "node.db", tmp_path / "migrations")


def test_a_full_disk_fails_with_advice_and_loses_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path)
    add(database, "kept")
    (pages,) = database.one("PRAGMA page_count") or (0,)
    database.one(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Failed, match="the disk is full: free some space"):
        add_both(database, "small", "x" * 100_000)
    assert bodies(database) == ["kept"]
    database.one("PRAGMA max_page_count = 100000")
    add(database, "x" * 100_000)
    assert len(bodies(database)) == 2
    database.close()


def test_a_read_only_database_fails_with_advice_and_loses_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path)
    add(database, "kept")
    database.one("PRAGMA query_only = ON")
    with pytest.raises(Failed, match="read-only: make its folder writable"), database.transaction():
        add(database, "lost")
    assert bodies(database) == ["kept"]
    database.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_fails_with_advice(tmp_path: Path) -> None:
    place = scripts(tmp_path, FIRST)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(Failed, match="cannot be opened"):
            Database(tmp_path / "node.db", place)
    finally:
        tmp_path.chmod(0o700)


def test_a_missing_folder_fails_with_advice(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"node\.db cannot be opened"):
        Database(tmp_path / "nowhere" / "node.db", scripts(tmp_path, FIRST))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "node.db").write_bytes(b"not a database, by any means" * 100)
    with pytest.raises(Failed, match=r"node\.db: this file is no database"):
        opened(tmp_path)


def test_a_damaged_database_is_noticed_at_open(tmp_path: Path) -> None:
    database = opened(tmp_path)
    for number in range(200):
        add(database, f"{number} " + "x" * 200)
    database.close()
    content = bytearray((tmp_path / "node.db").read_bytes())
    content[8192:12288] = bytes([0xEE]) * 4096
    (tmp_path / "node.db").write_bytes(content)
    with pytest.raises(Failed, match="damaged"):
        opened(tmp_path)


def test_another_process_holding_the_database_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.storage.database._BUSY_SECONDS", 0.0)
    database = opened(tmp_path)
    other = sqlite3.connect(tmp_path / "node.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Failed, match="another process"):
        add(database, "x")
    other.close()
    add(database, "x")
    database.close()


def test_a_check_writes_and_changes_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path)
    before = (tmp_path / "node.db").read_bytes()
    database.check()
    assert (tmp_path / "node.db").read_bytes() != before  # its change counter
    assert database.one("PRAGMA user_version") == (1,)
    database.close()


def test_a_check_finds_what_would_be_found_too_late(tmp_path: Path) -> None:
    database = opened(tmp_path)
    database.one("PRAGMA query_only = ON")
    with pytest.raises(Failed, match="read-only"):
        database.check()
    database.one("PRAGMA query_only = OFF")
    database.check()
    content = (tmp_path / "node.db").read_bytes()
    (tmp_path / "node.db").write_bytes(b"overwritten" * 1000)
    with pytest.raises(Failed, match=r"damaged|no database"):
        database.check()
    (tmp_path / "node.db").write_bytes(content)
    (tmp_path / "node.db").rename(tmp_path / "old.db")
    (tmp_path / "node.db").write_bytes(content)
    with pytest.raises(Failed, match="moved or replaced under the running program: restart it"):
        database.check()
    database.close()


def test_after_a_failed_check_nobody_waits_for_a_lock_until_one_succeeds(tmp_path: Path) -> None:
    database = opened(tmp_path)
    other = sqlite3.connect(tmp_path / "node.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    database._connection.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(Failed, match="another process"):
        database.check()
    assert database.one("PRAGMA busy_timeout") == (0,)
    other.close()
    database.check()
    assert database.one("PRAGMA busy_timeout") == (5000,)
    database.close()


def test_a_broken_constraint_passes_through(tmp_path: Path) -> None:
    database = opened(tmp_path)
    add(database, "once")
    with pytest.raises(sqlite3.IntegrityError):
        add(database, "once")
    database.close()
