"""One SQLite database, made for writing little and losing nothing.

Not in WAL mode: SQLite 3.7.0 to 3.51.2, which covers Debian 12, can corrupt a database there (sqlite.org/wal.html,
"the WAL-reset bug").  A transaction that returned is on the disk; one that raised left no trace.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Final

from steelyard.errors import Conflict, Failed, Invalid

Value = str | bytes | int | float | None
Row = tuple[Any, ...]
Action = Callable[[], object]

_PRAGMAS: Final = (
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",  # no rows in the system's temporary folder
    "PRAGMA trusted_schema = OFF",
)
_MIGRATION = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql")
_BUSY_SECONDS: Final = 5.0


class Database:
    """One connection, one writer at a time, callable from any thread."""

    def __init__(self, path: Path, migrations: Path) -> None:
        """Opens or creates the file (mode 0600), checks it and brings its schema up to date.

        Raises Failed if it cannot be opened or is damaged, Conflict if a newer version of the program wrote it.
        """
        self._path = path
        self._lock = RLock()
        self._depth = 0
        self._afterwards: list[Action] = []
        with _translated():
            self._connection = _connect(path)
        self._file = _identity(path)
        try:
            with _translated():
                self._prepare()
                self._migrate(migrations)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, Failed):
                raise Failed(f"{path}: {error.message}") from error
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing.  Inside another transaction of the same thread it becomes a part of that one.

        Raises Failed for a full or read-only disk; nothing of the transaction is kept then.
        """
        with self._whole():
            yield
        self._run_afterwards()

    def after_commit(self, action: Action) -> None:
        """Runs `action` once what is written now is on the disk; never, if the transaction around it is undone.

        Outside a transaction that is at once.
        """
        with self._lock:
            self._afterwards.append(action)
        self._run_afterwards()

    def _run_afterwards(self) -> None:
        with self._lock:
            actions, self._afterwards = ([], self._afterwards) if self._depth else (self._afterwards, [])
        for action in actions:
            action()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        with self._lock:
            planned = len(self._afterwards)
            name = f"inner_{self._depth}"
            begin, commit, undo = (
                (f"SAVEPOINT {name}", f"RELEASE {name}", (f"ROLLBACK TO {name}", f"RELEASE {name}"))
                if self._depth
                else ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
            )
            with _translated():
                self._connection.execute(begin)
                self._depth += 1
                try:
                    yield
                    self._connection.execute(commit)
                except BaseException:
                    del self._afterwards[planned:]
                    self._undo(undo)
                    raise
                finally:
                    self._depth -= 1

    def execute(self, statement: str, parameters: Sequence[Value] = ()) -> int:
        """Runs one statement and returns how many rows it changed.  Raises Failed, sqlite3.IntegrityError."""
        with self._lock, _translated():
            return self._connection.execute(statement, parameters).rowcount

    def query(self, statement: str, parameters: Sequence[Value] = ()) -> list[Row]:
        with self._lock, _translated():
            return self._connection.execute(statement, parameters).fetchall()

    def one(self, statement: str, parameters: Sequence[Value] = ()) -> Row | None:
        """The first row, if there is any."""
        with self._lock, _translated():
            row: Row | None = self._connection.execute(statement, parameters).fetchone()
            return row

    def check(self) -> None:
        """Whether what is written now will be found again: one small write.  Raises Failed, saying what is wrong.

        From then on nobody waits for a lock, until a check succeeds: who has a bad database is to say so at once.
        """
        with self._lock:
            try:
                self._rewrite_version()
            except Failed:
                self._wait(0)
                raise
            self._wait(_BUSY_SECONDS)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _rewrite_version(self) -> None:
        if _identity(self._path) != self._file:
            raise Failed("the database file was moved or replaced under the running program: restart it")
        with self.transaction():
            (version,) = self.query("PRAGMA user_version")[0]
            self.execute(f"PRAGMA user_version = {version}")

    def _wait(self, seconds: float) -> None:
        """How long for a lock."""
        self._connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")

    def _prepare(self) -> None:
        for pragma in _PRAGMAS:
            self._connection.execute(pragma)
        problems = self._connection.execute("PRAGMA quick_check(1)").fetchall()
        if problems != [("ok",)]:
            raise Failed("the database is damaged: restore it from a backup, or enrol the node anew")

    def _migrate(self, folder: Path) -> None:
        scripts = _scripts(folder)
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > len(scripts):
            raise Conflict(
                f"the database has schema {version}, this program knows {len(scripts)}: install the newer version"
            )
        for number, script in enumerate(scripts[version:], version + 1):
            self._apply(number, script)

    def _apply(self, number: int, script: Path) -> None:
        try:
            self._connection.executescript(
                f"BEGIN IMMEDIATE;\n{script.read_text('utf-8')}\n;PRAGMA user_version = {number};\nCOMMIT;"
            )
        except BaseException:
            self._undo(("ROLLBACK",))
            raise

    def _undo(self, statements: Sequence[str]) -> None:
        """SQLite itself has rolled back already after some errors, a full disk among them."""
        if self._connection.in_transaction:
            for statement in statements:
                self._connection.execute(statement)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise Failed(f"the database {path.name} cannot be opened ({error.strerror}): check its folder") from None
    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is, None when it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _scripts(folder: Path) -> list[Path]:
    scripts = sorted(folder.glob("*.sql"))
    numbers = [int(match[1]) if (match := _MIGRATION.fullmatch(each.name)) else 0 for each in scripts]
    if numbers != list(range(1, len(scripts) + 1)):
        raise Invalid("migrations are numbered 0001, 0002, ... without a gap")
    return scripts


@contextmanager
def _translated() -> Iterator[None]:
    """SQLite's errors of disk and file as Failed, with what to do; defects of the program pass through."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        sentence = _sentence(error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else 0)
        if sentence is None:
            raise
        raise Failed(sentence) from error


def _sentence(code: int) -> str | None:
    return {
        sqlite3.SQLITE_FULL: "the disk is full: free some space and try again; nothing was lost",
        sqlite3.SQLITE_READONLY: "the database is read-only: make its folder writable and try again; nothing was lost",
        sqlite3.SQLITE_CANTOPEN: "the database cannot be opened: check that its folder exists and is writable",
        sqlite3.SQLITE_IOERR: "the disk reports an error: check it and restart the program",
        sqlite3.SQLITE_BUSY: "another process has the database open: stop it first",
        sqlite3.SQLITE_LOCKED: "another process has the database open: stop it first",
        sqlite3.SQLITE_CORRUPT: "the database is damaged: restore it from a backup, or enrol the node anew",
        sqlite3.SQLITE_NOTADB: "this file is no database: check the configuration's paths",
    }.get(code)
