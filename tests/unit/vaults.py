"""A vault in a temporary folder, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from node import migrations
from steelyard.errors import StoreFault
from steelyard.storage.database import Database
from steelyard.vault.codecs import FERNET
from steelyard.vault.key_file import open_key_file
from steelyard.vault.provider import Provider
from steelyard.vault.unit import Unit
from steelyard.vault.vault import Step, Vault

UNIT = Unit("dataset", "accounts", "1")
OTHER = Unit("dataset", "accounts", "2")


class Crash(BaseException):
    """The process dies here."""


@dataclass(frozen=True)
class Place:
    """A node's disk: opening it again is what a restart does."""

    root: Path

    @property
    def keys(self) -> Path:
        return self.root / "vault.key"

    @property
    def mark(self) -> Path:
        return self.root / "vault.mark"

    @property
    def folder(self) -> Path:
        return self.root / "state" / "vault"

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    def database(self) -> Database:
        (self.root / "state").mkdir(exist_ok=True)
        return Database(self.root / "state" / "node.db", migrations.FOLDER)

    @contextmanager
    def opened(
        self, node: str = "bank-a", codec: str = FERNET, step: Step = lambda _: None, provider: Provider | None = None
    ) -> Iterator[Vault]:
        """Ends without a farewell, as a killed process does."""
        database = self.database()
        try:
            fresh = database.one("SELECT 1 FROM vault_key") is None
            kek = provider or open_key_file(self.keys, make=fresh)
            yield Vault(node, database, self.folder, kek, self.mark, codec=codec, step=step)
        finally:
            database.close()


def dies_at(point: str, time: int = 1) -> Callable[[str], None]:
    """Passes `point` until the given time."""
    seen = [0]

    def step(name: str) -> None:
        seen[0] += name == point
        if name == point and seen[0] == time:
            raise Crash

    return step


def inside(error: pytest.ExceptionInfo[StoreFault]) -> str:
    assert "cannot open what it has stored" in str(error.value)  # all that others learn
    return error.value.inside


def flip(path: Path, at: int) -> None:
    """Changes one bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
