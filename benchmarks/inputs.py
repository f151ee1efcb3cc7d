"""The parties' inputs: the same numbers at every run and in every system."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.int64]

BITS: Final = 40
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: Weyl's sequence spreads evenly
_SCHEMA: Final = '[columns.value]\ntype = "integer"\n'


def vector(party: int, size: int) -> Values:
    """(size,) integers of `BITS` bits, both signs, different for every party."""
    counter = np.arange(1, size + 1, dtype=np.uint64) + np.uint64(party << BITS)
    mixed = counter * _STEP
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _STEP
    return (mixed >> np.uint64(64 - BITS)).astype(np.int64) - (1 << (BITS - 1))


def operands(size: int) -> tuple[Values, Values]:
    """What is multiplied and compared: signed, below 2^28 in size, so that products fit everywhere."""
    shift = BITS - 29
    return vector(0, size) >> shift, vector(1, size) >> shift


def keys(size: int) -> Values:
    """What is sorted: signed, of `BITS` bits."""
    return vector(0, size)


def digest(values: Values) -> str:
    """What the processes of a system answer instead of the values themselves."""
    return hashlib.sha256(values.astype("<i8").tobytes()).hexdigest()


def write(folder: Path, names: Sequence[str], vectors: Sequence[Values]) -> Path:
    """NAME/vectors.parquet with the column `value`, as `steelyard local up --data` reads it."""
    import polars as pl

    folder.mkdir()
    (folder / "vectors.schema.toml").write_text(_SCHEMA)
    for name, values in zip(names, vectors, strict=True):
        (folder / name).mkdir()
        pl.DataFrame({"value": values}).write_parquet(folder / name / "vectors.parquet")
    return folder
