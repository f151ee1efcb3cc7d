"""The rows of datasets at rest: each version of a dataset is a unit of the vault with one file, Parquet made in memory.

Opened frames stay in memory, within a bound, so that the next question need not open them again.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from io import BytesIO
from threading import Lock
from typing import Final

import polars as pl

from steelyard.errors import Failed, NotFound
from steelyard.randomness import token
from steelyard.vault.unit import Unit
from steelyard.vault.vault import Vault

KIND: Final = "dataset"
FILE: Final = "rows"


class Blobs:
    """Callable from any thread."""

    def __init__(self, vault: Vault, memory: int) -> None:
        """`memory`: bytes of opened frames to keep."""
        self._vault = vault
        self._memory = memory
        self._frames: OrderedDict[str, pl.DataFrame] = OrderedDict()
        self._lock = Lock()

    def write(self, dataset: str, frame: pl.DataFrame) -> str:
        """Seals the frame durably and returns its random name.  Raises Failed; nothing is left behind then."""
        blob = token(16).hex()
        unit = Unit(KIND, dataset, blob)
        content = BytesIO()
        frame.write_parquet(content, compression="lz4", statistics=False)
        self._vault.create(unit)
        try:
            self._vault.write(unit, FILE, [content.getbuffer()])
        except BaseException:
            with suppress(Failed):  # the sweep at the next start will
                self._vault.destroy(unit)
            raise
        return blob

    def scan(self, dataset: str, blob: str) -> pl.LazyFrame:
        """The frame behind a name.  Raises NotFound, StoreFault, pl.exceptions.PolarsError."""
        with self._lock:
            frame = self._frames.pop(blob, None)
        if frame is None:
            frame = pl.read_parquet(BytesIO(self._vault.read(Unit(KIND, dataset, blob), FILE)))
        self._remember(blob, frame)
        return frame.lazy()

    def remove(self, dataset: str, blob: str) -> None:
        """Erases it, as part of a transaction around this.  What is not there is no error."""
        with self._lock:
            self._frames.pop(blob, None)
        try:
            self._vault.destroy(Unit(KIND, dataset, blob))
        except NotFound:
            return

    def sweep(self, known: set[tuple[str, str]]) -> None:
        """Erases what no dataset names: a crash came between a blob and its row."""
        for unit in self._vault.units(KIND):
            if (unit.name, unit.version) not in known:
                self._vault.destroy(unit)

    def _remember(self, blob: str, frame: pl.DataFrame) -> None:
        """The newest; those not asked for the longest make room."""
        size = frame.estimated_size()
        with self._lock:
            if size > self._memory:
                return
            self._frames[blob] = frame
            while sum(each.estimated_size() for each in self._frames.values()) > self._memory:
                self._frames.popitem(last=False)
