"""`Vault`: what a node keeps sealed.  Keys are rows of its database, contents are files of a folder.

A crash between a file and its row leaves orphans that `sweep` removes, never the other way round: a file is removed
only when no row needs it, and by its unit's own random id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from steelyard.digest import Part
from steelyard.errors import Failed, StoreFault
from steelyard.randomness import token
from steelyard.storage.database import Database
from steelyard.storage.files import UNFINISHED, atomically, private_folder
from steelyard.vault.codecs import FERNET
from steelyard.vault.frames import PREAMBLE, check_preamble, tokens
from steelyard.vault.keys import DataKey, KeyRow, Keys
from steelyard.vault.mark import Mark
from steelyard.vault.provider import Provider
from steelyard.vault.unit import Unit, checked

SUFFIX: Final = ".sealed"
_AT_ONCE: Final = 256  # keys re-wrapped in one transaction

Step = Callable[[str], None]  # hears of the points between which a crash may fall


@dataclass(frozen=True, slots=True)
class Rotation:
    """`rewrapped` data keys are now under `current`; nothing needs the `retired` versions any more.

    A provider that holds its KEK itself has erased them; in a key service their administrator does.
    """

    current: str
    rewrapped: int
    retired: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a unit, or with one file of it."""

    unit: Unit
    problem: str


@dataclass(frozen=True, slots=True)
class Status:
    """`keys` counts the data keys under each version of the KEK; more than one while a rotation is unfinished."""

    node: str
    current: str
    held: tuple[str, ...]
    keys: dict[str, int]
    units: dict[str, int]  # by kind
    files: int
    bytes: int
    generation: int
    faults: tuple[Fault, ...]


class Vault:
    """One per node; callable from any thread.

    `create`, `destroy` and `rotate` take part in a transaction of the database around them; files of a destroyed unit
    go once that is committed.
    """

    def __init__(
        self,
        node: str,
        database: Database,
        folder: Path,
        provider: Provider,
        mark: Path,
        *,
        codec: str = FERNET,
        step: Step = lambda point: None,
    ) -> None:
        """Opens the store, checks that it is this node's, the newest, and under this KEK, and sweeps.

        Raises StoreFault saying which of these does not hold, Failed for a full or read-only disk; nothing is changed.
        """
        self._node = node
        self._database = database
        self._folder = private_folder(folder)
        self._provider = provider
        self._mark = Mark(mark)
        self._keys = Keys(node, database, provider, codec)
        self._step = step
        self._rotating = Lock()
        self._marking = Lock()
        self._begin()
        self.sweep(unfinished=True)

    def create(self, unit: Unit) -> None:
        """A data key for a new unit.  Raises Conflict when the unit is there."""
        with self._changing():
            self._keys.create(unit)
        self._step("created")

    def write(self, unit: Unit, file: str, chunks: Iterable[Part]) -> int:
        """Seals a file of the unit durably, in place of an earlier one, as the chunks come; returns their bytes.

        Raises NotFound without the unit, Failed when the disk does not take it; an earlier file is untouched then.
        """
        key = self._open(unit)
        with atomically(self._path(key.id, file)) as target:
            total = key.seal(file).write(target, chunks)
            self._step("written")
        self._step("stored")
        return total

    def open(self, unit: Unit, file: str) -> Iterator[bytes]:
        """The file in pieces of at most 1 MiB: authentic each, but whole only when the last has come.

        Raises NotFound without the unit, StoreFault for a file that is missing, damaged, or another's.
        """
        key = self._open(unit)
        with self._faults_named(unit, file), self._path(key.id, file).open("rb") as source:
            yield from key.seal(file).read(source)

    def read(self, unit: Unit, file: str) -> bytes:
        """All of it, or the errors of `open`."""
        return b"".join(self.open(unit, file))

    def seal(self, unit: Unit, label: str, value: bytes) -> bytes:
        """A short value for a row of the database, bound to unit and label."""
        return self._open(unit).seal(label).frame(value, 0, 1)

    def unseal(self, unit: Unit, label: str, sealed: bytes) -> bytes:
        """Raises StoreFault unless `seal` of the same unit and label made it."""
        with self._faults_named(unit, label):
            return self._open(unit).seal(label).single(sealed)

    def derive(self, unit: Unit, purpose: str) -> bytes:
        """32 bytes that only this unit's key gives."""
        return self._open(unit).derive(purpose)

    def destroy(self, unit: Unit) -> None:
        """Erases the unit: its key at once, its files once that is on the disk.  Raises NotFound."""
        with self._changing():
            row = self._keys.get(unit)
            self._keys.delete(row)
            self._step("key deleted")
            self._database.after_commit(lambda: self._remove(row.id))

    def has(self, unit: Unit) -> bool:
        return self._keys.find(unit) is not None

    def files(self, unit: Unit) -> list[str]:
        """The names of the unit's files, in no order.  Raises NotFound without the unit."""
        identity = self._keys.get(unit).id
        found = self._folder.glob(f"{identity}.*{SUFFIX}")
        return [each.name.removeprefix(f"{identity}.").removesuffix(SUFFIX) for each in found]

    def is_whole(self, unit: Unit, file: str) -> bool:
        """Whether the file is there, the unit's own, and not cut short; its contents are not decrypted."""
        row = self._keys.find(unit)
        try:
            if row is not None:
                self._verify(row, self._path(row.id, file), deeply=False)
        except StoreFault:
            return False
        return row is not None

    def units(self, kind: str = "") -> list[Unit]:
        """In order; of one kind, or all."""
        return [row.unit for row in self._keys.all(kind)]

    def rotate(self) -> Rotation:
        """A new version of the KEK, under which every data key is wrapped anew; nothing is encrypted again.

        May be killed at any point: the next call ends what was begun, instead of beginning another.
        """
        with self._rotating:
            before = self._provider.health()
            old = {*self._keys.versions(), *before.held} - {before.current}
            current = self._provider.rotate(old or {before.current})
            self._step("rotation begun")
            rewrapped = 0
            while count := self._rewrap(current):
                rewrapped += count
            with self._changing():  # nobody creates a key meanwhile
                self._provider.rotate(self._keys.versions().keys() - {current})
            self._step("rotation ended")
            held = self._provider.health().held
            return Rotation(current, rewrapped, tuple(sorted({*before.held, *old} - held)))

    def status(self, *, verify: bool = False) -> Status:
        """What is there and what is wrong with it; `verify` reads every file to its last bit."""
        rows, health = self._keys.all(), self._provider.health()
        files = list(self._folder.glob(f"*{SUFFIX}"))
        kinds = [row.unit.kind for row in rows]
        return Status(
            node=self._node,
            current=health.current,
            held=tuple(sorted(health.held)),
            keys=self._keys.versions(),
            units={kind: kinds.count(kind) for kind in sorted(set(kinds))},
            files=len(files),
            bytes=sum(_size(each) for each in files),
            generation=self._row()[1],
            faults=tuple(self.faults(verify=verify)),
        )

    def faults(self, *, verify: bool = False) -> Iterator[Fault]:
        """Files that are missing, torn or another's, and a KEK that cannot be renewed.

        With `verify` also keys that do not open and bits that changed.
        """
        if fixed := self._provider.health().fixed:
            yield Fault(Unit("node", "key", "1"), fixed)
        files: dict[str, list[Path]] = {}
        for file in sorted(self._folder.glob(f"*{SUFFIX}")):
            files.setdefault(file.name.partition(".")[0], []).append(file)
        for row in self._keys.all():
            if row.id not in files and row.unit.kind != "node":
                yield Fault(row.unit, "its file is missing")
            for path in files.get(row.id, [None] if verify else []):
                try:
                    self._verify(row, path, verify)
                except StoreFault as error:
                    yield Fault(row.unit, error.inside)

    def sweep(self, *, unfinished: bool = False) -> int:
        """Removes files that no unit needs, with `unfinished` also what a crash left half-written; returns how many."""
        found = [each for each in self._folder.iterdir() if SUFFIX in each.suffixes]
        known = self._keys.ids()  # asked after: the row of a new file is there before the file
        removed = 0
        for path in found:
            if path.name.partition(".")[0] not in known or (unfinished and path.name.endswith(UNFINISHED)):
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _begin(self) -> None:
        store, generation = self._row()
        self._mark.check(store, generation, new=generation == 0)
        self._require_keys()
        with self._changing():
            pass  # from now on a copy made before this start is an older one

    def _row(self) -> tuple[str, int]:
        """The store's name and generation.  Raises StoreFault for the store of another node."""
        row = self._database.one("SELECT node, store, generation FROM vault")
        if row is None:
            fresh = token(16).hex()
            self._database.execute("INSERT INTO vault VALUES (1, ?, ?, 0)", (self._node, fresh))
            return fresh, 0
        node, store, generation = row
        if node != self._node:
            raise StoreFault.because(
                f"this store belongs to {node}, this node is {self._node}: a store cannot be moved"
            )
        return store, generation

    def _require_keys(self) -> None:
        """One key of each version opens.  Raises StoreFault for a wrong KEK."""
        self._provider.health()
        seen: set[str] = set()
        for row in self._keys.all():
            if row.wrapped.version not in seen:
                self._keys.open(row)
                seen.add(row.wrapped.version)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A transaction that makes every earlier copy of the store an older one."""
        with self._database.transaction():
            yield
            self._database.execute("UPDATE vault SET generation = generation + 1")
            self._database.after_commit(self._advance)

    def _advance(self) -> None:
        """A mark that could not be moved is moved at the next change or start."""
        with self._marking, suppress(Failed):
            self._mark.advance(*self._row())
        self._step("marked")

    def _rewrap(self, current: str) -> int:
        changed = self._keys.rewrapped(current, _AT_ONCE)
        if changed:
            with self._changing():
                self._keys.replace(changed)
            self._step("rewrapped")
        return len(changed)

    def _open(self, unit: Unit) -> DataKey:
        return self._keys.open(self._keys.get(unit))

    def _path(self, identity: str, file: str) -> Path:
        return self._folder / f"{identity}.{checked(file)}{SUFFIX}"

    def _remove(self, identity: str) -> None:
        for path in self._folder.glob(f"{identity}.*"):
            with suppress(OSError):  # what cannot be removed now opens no more, and the next sweep finds it
                path.unlink(missing_ok=True)
            self._step("file removed")

    def _verify(self, row: KeyRow, path: Path | None, deeply: bool) -> None:
        """Raises StoreFault.  Without a path only the key is looked at."""
        key = self._keys.open(row) if deeply else None
        if path is None:
            return
        file = path.name.removeprefix(f"{row.id}.").removesuffix(SUFFIX)
        with self._faults_named(row.unit, file), path.open("rb") as source:
            if key is not None:
                for _ in key.seal(file).read(source):
                    pass
                return
            check_preamble(source.read(PREAMBLE), row.check)
            if not sum(1 for _ in tokens(source, skip=True)):
                raise StoreFault.because("it was cut off before its first frame")

    @contextmanager
    def _faults_named(self, unit: Unit, file: str) -> Iterator[None]:
        try:
            yield
        except StoreFault as error:
            raise StoreFault.because(f"{unit}, {file}: {error.inside}") from None
        except FileNotFoundError:
            raise StoreFault.because(f"{unit}, {file}: the file is missing") from None
        except OSError as error:
            raise StoreFault.because(f"{unit}, {file}: the file cannot be read ({error.strerror})") from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
