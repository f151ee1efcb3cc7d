"""Large columns at rest: one file per blob, in a folder only the owner enters, under a random name.

`write` and `scan` are the seam where encryption at rest goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from steelyard.errors import Failed
from steelyard.randomness import token
from steelyard.storage.files import UNFINISHED, atomically

SUFFIX: Final = ".table"


def write(folder: Path, frame: pl.DataFrame) -> str:
    """Writes the frame durably and returns its name.  Raises Failed; nothing is left behind then."""
    name = token(16).hex() + SUFFIX
    try:
        with atomically(folder / name) as file:
            frame.write_parquet(file, compression="lz4", statistics=False)
    except (pl.exceptions.PolarsError, Failed) as error:
        remove(folder, name)
        if isinstance(error, Failed):
            raise
        raise Failed("the data cannot be stored: check the disk; nothing was lost") from error
    return name


def scan(folder: Path, name: str) -> pl.LazyFrame:
    """The frame behind a name; columns are read only when asked for."""
    return pl.scan_parquet(folder / name, glob=False, hive_partitioning=False)


def remove(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)


def sweep(folder: Path, known: set[str]) -> None:
    """Removes what a crash left behind: unfinished blobs, and blobs no row names.  Other files are let alone."""
    for file in folder.iterdir():
        unfinished = SUFFIX in file.name and file.name.endswith(UNFINISHED)
        if unfinished or (file.name.endswith(SUFFIX) and file.name not in known):
            file.unlink(missing_ok=True)
