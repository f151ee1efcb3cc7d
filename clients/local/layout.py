"""`LocalConsortium`: what lies where in a local profile's directory, and who runs there."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.local.process import Process
from clients.sdk.profile import FILE, Local, Profile
from steelyard.errors import Conflict, NotFound
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Home, Layout

COORDINATOR: Final = "coordinator"
REQUESTER: Final = "analyst"


@dataclass(frozen=True)
class Program:
    """A process with its configuration file and its own identity."""

    name: str
    role: str
    home: Home
    process: Process

    @property
    def config(self) -> Path:
        return self.home.path / ("coordinator.toml" if self.role == Role.COORDINATOR else "node.toml")

    @property
    def arguments(self) -> list[str]:
        return ["-m", str(self.role), "--config", str(self.config)]


@dataclass(frozen=True)
class LocalConsortium:
    """The directory of a local profile."""

    root: Path

    @classmethod
    def at(cls, directory: Path) -> LocalConsortium:
        """Resolves the directory; it need not exist."""
        return cls(directory.expanduser().resolve())

    @property
    def exists(self) -> bool:
        return (self.root / FILE).exists()  # written last

    @property
    def mark(self) -> Path:
        """Says that whatever lies beside it was made by us, before the first key is."""
        return self.root / ".local-consortium"

    @property
    def unfinished(self) -> bool:
        """True when making it was interrupted."""
        return self.mark.exists() and not self.exists

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def local(self) -> Local:
        """Parties and threshold; raises NotFound when there is no local consortium here."""
        found = Profile.open(self.root).local if self.exists else None
        if found is None:
            raise NotFound(f"there is no local consortium in {self.root}; `steelyard local up --dir DIR` makes one")
        return found

    def programs(self) -> list[Program]:
        """The coordinator, then the parties in the manifest's order."""
        nodes = [self._program(party, Role.NODE) for party in self.local().parties]
        return [self._program(COORDINATOR, Role.COORDINATOR), *nodes]

    def program(self, name: str) -> Program:
        """Raises NotFound."""
        programs = {each.name: each for each in self.programs()}
        if name not in programs:
            raise NotFound(
                f"there is no process {name[:60]!r} here, only {', '.join(programs)}; see `steelyard local status`"
            )
        return programs[name]

    @contextmanager
    def locked(self, *, make: bool = False) -> Iterator[None]:
        """Keeps two commands from starting and stopping the same processes; raises Conflict.

        Raises NotFound when there is no local consortium here, unless one is about to be made.
        """
        if not make and not self.unfinished:
            self.local()
        (self.root / "run").mkdir(parents=True, exist_ok=True)
        try:
            with self._lock():
                yield
        finally:
            if not self.exists and not self.unfinished:
                self._tidy()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.root / "run" / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Conflict(f"another command is starting or stopping processes in {self.root}") from None
            yield

    def _tidy(self) -> None:
        """Leaves no empty directory behind where nothing was made."""
        (self.root / "run" / "lock").unlink(missing_ok=True)
        with suppress(OSError):
            (self.root / "run").rmdir()
            self.root.rmdir()

    def _program(self, name: str, role: Role) -> Program:
        process = Process(name, self.root / "run" / f"{name}.json", self.root / "logs" / f"{name}.log")
        return Program(name, role, self.layout.home(role, name), process)
