"""The party's datasets: imported whole or not at all, read by column, summed exactly.

A dataset's version is random and public; it names the content in input sets without describing it.  The same rows have
the same version whenever they are imported, so that re-importing never looks like new data to the ledger.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Final

import msgspec
import numpy as np
import polars as pl
import structlog
from numpy.typing import NDArray

from node import groups
from node.blobs import Blobs
from node.keyring import OWN
from steelyard import records
from steelyard.digest import digest, frame
from steelyard.errors import Conflict, Failed, Invalid, NotFound, StoreFault
from steelyard.ids import identifier
from steelyard.randomness import token
from steelyard.storage.database import Database, Row
from steelyard.tables import reader
from steelyard.tables.filter import Filter
from steelyard.tables.predicate import expression
from steelyard.tables.schema import BOUND, Column, Schema, from_description
from steelyard.vault.vault import Vault

Vector = NDArray[np.int64]
Noted = Callable[[str], object]
_Question = tuple[str, str | None, tuple[Filter, ...]]  # blob, column, filters

MAX_REMEMBERED: Final = 100_000  # cells
MAX_FILTERS: Final = 10_000
_SLICE: Final = 65_536
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the catalogue says of a dataset, and which blob holds it."""

    name: str
    schema: Schema
    rows: int
    version: str  # 32 hex digits
    imported_ms: int
    blob: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Per filter the exact sum in minor units and the number of rows selected; `version` is what was summed."""

    sums: Vector
    counts: Vector
    version: str


class Datasets:
    """The node's store of datasets, callable from any thread, but not inside a transaction of the database."""

    def __init__(self, database: Database, vault: Vault, blobs: Blobs) -> None:
        self._database = database
        self._vault = vault
        self._blobs = blobs
        self._answers: OrderedDict[_Question, Sequence[groups.Cell]] = OrderedDict()
        self._lock = RLock()  # a blob is not erased while it is being read
        self._blobs.sweep({(each.name, each.blob) for each in self.list()})

    def import_file(
        self,
        name: str,
        path: Path,
        schema: Schema | None = None,
        *,
        now_ms: int,
        noted: Noted = lambda _: None,
        called: str | None = None,
    ) -> Dataset:
        """Reads a CSV, Parquet or Excel file and keeps it as dataset `name`, in place of an earlier one.

        `noted` is called with the version in the same transaction; messages call the file `called`.

        Raises Invalid (naming file, line and column) or Failed; the earlier dataset is untouched then.
        """
        identifier(name, "dataset")
        return self.put(name, reader.read(path, schema, called), now_ms=now_ms, noted=noted)

    def put(self, name: str, table: reader.Table, *, now_ms: int, noted: Noted = lambda _: None) -> Dataset:
        """Keeps a checked table as dataset `name`; identical content keeps its version."""
        identifier(name, "dataset")
        content = keyed(self._vault, _fingerprint(table))
        with self._lock:
            earlier = self.find(name)
            same = earlier is not None and earlier.version == self._version_of(name, content)
            blob = earlier.blob if earlier and same else self._blobs.write(name, table.frame)
            try:
                with self._database.transaction():
                    self._commit(name, blob, content, table, now_ms, noted)
                    if earlier and not same:
                        self._blobs.remove(name, earlier.blob)
            except BaseException:
                self._discard(name, blob)
                raise
            return self.get(name)

    def list(self) -> list[Dataset]:
        return [_dataset(row) for row in self._database.query(f"{_SELECT} ORDER BY name")]

    def find(self, name: str) -> Dataset | None:
        row = self._database.one(f"{_SELECT} WHERE name = ?", (name,))
        return None if row is None else _dataset(row)

    def get(self, name: str) -> Dataset:
        """Raises NotFound."""
        found = self.find(name)
        if found is None:
            raise NotFound(f"there is no dataset {name[:60]!r}")
        return found

    def at(self, name: str, version: str) -> Dataset:
        """The dataset; raises NotFound, or Conflict when it has another version now."""
        return self._current(name, version)

    def delete(self, name: str, noted: Callable[[], object] = lambda: None) -> None:
        """Forgets the dataset and its rows; digests of its versions stay.  Raises NotFound.

        `noted` is called in the same transaction.
        """
        with self._lock:
            dataset = self.get(name)
            with self._database.transaction():
                self._database.execute("DELETE FROM dataset WHERE name = ?", (name,))
                noted()
                self._blobs.remove(name, dataset.blob)

    def totals(self, name: str, column: str, filters: Sequence[Filter], *, version: str | None = None) -> Totals:
        """Exact sum and row count of one column under each filter.

        Raises NotFound for a dataset or column, Invalid for a text column, a filter that does not fit the schema, or a
        sum of 2^59 minor units or more, and Conflict if the data is no longer `version`.
        """
        dataset, found = self._cells(name, column, filters, version)
        if any(abs(total) >= BOUND for total, _ in found):
            raise Invalid(f"a sum over {name}.{column} reaches 2^59 minor units, more than a computation can carry")
        sums, counts = ([each[side] for each in found] for side in (0, 1))
        return Totals(np.array(sums, dtype=np.int64), np.array(counts, dtype=np.int64), dataset.version)

    def counts(self, name: str, filters: Sequence[Filter], *, version: str | None = None) -> Vector:
        """(len(filters),) int64: rows selected.  Raises as `totals`."""
        _, found = self._cells(name, None, filters, version)
        return np.array([rows for _, rows in found], dtype=np.int64)

    def vector(self, name: str, column: str, where: Filter, *, version: str | None = None) -> Vector:
        """(rows selected,) int64 minor units, in the file's order, read-only.  Raises as `totals`."""
        with self._lock:
            dataset = self._current(name, version)
            values = self._series(dataset, _numbers(dataset, column).name, where).to_numpy()
            return values.astype(np.int64, copy=False)

    def texts(self, name: str, column: str, where: Filter, *, version: str | None = None) -> Sequence[str]:
        """The cells of a text column in the rows selected, in the file's order.  Raises as `totals`."""
        with self._lock:
            dataset = self._current(name, version)
            if dataset.schema.column(column).kind != "text":
                raise Invalid(f"{dataset.name}.{column} holds no text")
            return self._series(dataset, column, where).to_list()

    def rows(self, name: str, limit: int) -> tuple[Dataset, pl.DataFrame]:
        """The dataset and its first rows, all of them if `limit` is 0, as they were imported.  Raises NotFound."""
        with self._lock:
            dataset = self.get(name)
            table = self._table(dataset)
            return dataset, (table.head(limit) if limit else table).collect()

    def _series(self, dataset: Dataset, column: str, where: Filter) -> pl.Series:
        table = self._table(dataset)
        if where.conditions:
            table = table.filter(expression(where, dataset.schema))
        return table.select(column).collect().to_series().rechunk()

    def _table(self, dataset: Dataset) -> pl.LazyFrame:
        """The rows, or NotFound with what to do, since asking again would not help.

        Why they cannot be had is for the node's own log: whoever asks learns the same in every case.
        """
        try:
            return self._blobs.scan(dataset.name, dataset.blob)
        except (StoreFault, NotFound, pl.exceptions.PolarsError) as error:
            _log.error("store_fault", dataset=dataset.name, problem=getattr(error, "inside", type(error).__name__))
            problem = f"the stored rows of dataset {dataset.name} are missing or damaged: import it again"
            raise NotFound(problem) from None

    def _cells(
        self, name: str, column: str | None, filters: Sequence[Filter], version: str | None
    ) -> tuple[Dataset, Sequence[groups.Cell]]:
        if len(filters) > MAX_FILTERS:
            raise Invalid(f"at most {MAX_FILTERS} groups at once")
        with self._lock:
            dataset = self._current(name, version)
            summed = None if column is None else _numbers(dataset, column)
            asked = (dataset.blob, column, tuple(filters))
            if asked not in self._answers:
                table = self._table(dataset)
                self._remember(asked, groups.cells(table, dataset.schema, summed, filters))
            return dataset, self._answers[asked]

    def _remember(self, asked: _Question, answer: Sequence[groups.Cell]) -> None:
        """The same question over the same blob has the same answer; the oldest make room."""
        self._answers[asked] = answer
        while len(self._answers) > 1 and sum(map(len, self._answers.values())) > MAX_REMEMBERED:
            self._answers.popitem(last=False)

    def _current(self, name: str, version: str | None) -> Dataset:
        dataset = self.get(name)
        if version is not None and dataset.version != version:
            raise Conflict(f"dataset {name} has changed since the computation began")
        return dataset

    def _discard(self, name: str, blob: str) -> None:
        """Erases a blob no row names; when the database cannot tell, the sweep at the next start will."""
        with suppress(Failed):
            if self._database.one("SELECT 1 FROM dataset WHERE blob = ?", (blob,)) is None:
                self._blobs.remove(name, blob)

    def _version_of(self, name: str, content: bytes) -> str | None:
        row = self._database.one("SELECT version FROM dataset_version WHERE name = ? AND content = ?", (name, content))
        return None if row is None else str(row[0])

    def _commit(self, name: str, blob: str, content: bytes, table: reader.Table, now_ms: int, noted: Noted) -> None:
        version = self._version_of(name, content)
        if version is None:
            version = token(16).hex()
            self._database.execute("INSERT INTO dataset_version VALUES (?, ?, ?)", (name, content, version))
        schema = msgspec.json.encode(table.schema.describe()).decode()
        self._database.execute(
            "INSERT OR REPLACE INTO dataset (name, blob, version, schema, rows, imported_ms) VALUES (?, ?, ?, ?, ?, ?)",
            (name, blob, version, schema, table.frame.height, now_ms),
        )
        noted(version)


_SELECT: Final = "SELECT name, schema, rows, version, imported_ms, blob FROM dataset"


def _numbers(dataset: Dataset, column: str) -> Column:
    try:
        found = dataset.schema.column(column)
    except NotFound:
        raise NotFound(f"dataset {dataset.name} has no column {column[:60]!r}") from None
    if not found.numeric:
        raise Invalid(f"{dataset.name}.{column} holds {found.kind}, not numbers")
    return found


def _dataset(row: Row) -> Dataset:
    name, schema, rows, version, imported_ms, blob = row
    return Dataset(name, from_description(records.from_json(schema)), rows, version, imported_ms, blob)


def keyed(vault: Vault, content: bytes) -> bytes:
    """The digest of a content under a key of this node, so that nobody else can compare it with a guess."""
    return digest("dataset-content", vault.derive(OWN, "dataset-content"), content)


def _fingerprint(table: reader.Table) -> bytes:
    """32 bytes over names, types and values in order; bounds and public groups are no content."""
    hasher = hashlib.sha256()
    for column in table.schema.columns:
        values = table.frame.get_column(column.name)
        label = f"{column.name}/{column.kind}/{column.decimals}".encode()
        hasher.update(frame("dataset-column", label, len(values).to_bytes(8, "little")))
        for start in range(0, len(values), _SLICE):
            for part in _bytes_of(values.slice(start, _SLICE)):
                hasher.update(frame("dataset-values", part))
    return hasher.digest()


def _bytes_of(values: pl.Series) -> tuple[bytes, ...]:
    if values.dtype == pl.String:
        lengths = values.str.len_bytes().cast(pl.Int64).to_numpy().astype("<i8").tobytes()
        return lengths, "".join(values.to_list()).encode()
    return (values.to_physical().cast(pl.Int64).to_numpy().astype("<i8").tobytes(),)
