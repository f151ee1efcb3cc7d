"""`Records`: one party's rows as numbers, split into those to train on and those to test with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard.digest import digest
from steelyard.errors import Invalid
from steelyard.learning.asking import Floats
from steelyard.randomness import Keystream

_UNIT: Final = 2.0**-53


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column to learn from: a number, or a text with its public list of groups, one 0/1 column each.

    `low` and `high` are public limits of a number; training with noise needs them, and counts what lies beyond.
    """

    name: str
    groups: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0

    @property
    def width(self) -> int:
        return len(self.groups) or 1

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={group}" for group in self.groups) or (self.name,)

    @property
    def limited(self) -> bool:
        return bool(self.groups) or self.low < self.high


@dataclass(frozen=True, slots=True)
class Records:
    """`raw` is (rows, columns) after texts have become 0/1 columns; `target` is 0 or 1; `test` says which rows are
    kept back.  A party without data has no rows, and takes part all the same.
    """

    features: tuple[Feature, ...]
    raw: Floats = field(repr=False)
    target: Floats = field(repr=False)
    test: NDArray[np.bool_] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for feature in self.features for name in feature.names)

    @property
    def numeric(self) -> NDArray[np.bool_]:
        """(columns,) which are numbers of their own, not one of a text's groups."""
        return np.array([not feature.groups for feature in self.features for _ in feature.names])


def records(
    features: Sequence[Feature],
    columns: Mapping[str, Floats | Sequence[str]],
    target: Floats,
    test_fraction: float,
    seed: int,
) -> Records:
    """Raises Invalid for a target other than 0 and 1, unequal columns, and texts outside the public groups."""
    target = np.asarray(target, dtype=np.float64)
    if not np.isin(target, (0.0, 1.0)).all():
        raise Invalid("the target is 1 for what is to be predicted, such as a default, and 0 otherwise")
    if not 0 <= test_fraction < 1:
        raise Invalid("the test fraction is at least 0 and below 1")
    parts = [_encoded(feature, columns[feature.name], target.size) for feature in features]
    raw = np.concatenate(parts, axis=1) if parts else np.empty((target.size, 0))
    if not np.isfinite(raw).all():
        raise Invalid("a feature has a value that is not a number")
    return Records(tuple(features), raw, target, kept_back(raw, target, test_fraction, seed))


def kept_back(raw: Floats, target: Floats, fraction: float, seed: int) -> NDArray[np.bool_]:
    """(rows,) about this part of them, by a hash of each row: one row more or less changes nothing for the others."""
    rows = np.ascontiguousarray(np.concatenate([raw, target[:, None]], axis=1))
    start = hashlib.sha256(f"kept back {seed}".encode())
    limit = int(fraction * 2**64)

    def number(row: bytes) -> int:
        hashed = start.copy()
        hashed.update(row)
        return int.from_bytes(hashed.digest()[:8], "little")

    return np.array([number(row.tobytes()) < limit for row in rows], dtype=np.bool_)


def uniform(count: int, purpose: str, *numbers: int) -> Floats:
    """(count,) from 0 up to 1, the same at every call with the same arguments: not for secrets."""
    stream = Keystream(digest(f"learning-{purpose}", *(str(each).encode() for each in numbers)))
    words = np.frombuffer(stream.bytes(8 * count), dtype="<u8")
    found: Floats = (words >> np.uint64(11)).astype(np.float64) * _UNIT
    return found


def normal(count: int, purpose: str, *numbers: int) -> Floats:
    """(count,) standard normal, for first weights: by Box and Muller's transform."""
    u = uniform(2 * count, purpose, *numbers)
    radius = np.sqrt(-2 * np.log1p(-u[:count]))
    found: Floats = radius * np.cos(2 * np.pi * u[count:])
    return found


def _encoded(feature: Feature, column: Floats | Sequence[str], rows: int) -> Floats:
    if len(column) != rows:
        raise Invalid(f"the column {feature.name} has not as many rows as the target")
    if not feature.groups:
        return np.asarray(column, dtype=np.float64).reshape(-1, 1)
    places = {group: place for place, group in enumerate(feature.groups)}
    found = np.array([places.get(str(each), -1) for each in column], dtype=np.int64)
    if (found < 0).any():
        raise Invalid(f"the column {feature.name} has a text that is not among the groups named in the request")
    marked: Floats = (found[:, None] == np.arange(len(places))).astype(np.float64)
    return marked
