"""Record: what a party deals once, so that any question can be answered later without it.

For C columns and R rows (padding included), in this order, all of it over the rows selected when it was shared:

    count, parties        the number of rows, and 1 if there are any
    sum                   (C,)
    positive, negative    (C,) the sum if it is not below zero, else 0; 1 if it is below
    squares               (C, 3) limbs of the sum of squares (steelyard.functions.second_moment)
    extremes              (C, 2) the negated least and the greatest value
    moments               (pairs, 10) limbs of sums and sums of products (steelyard.functions.moments), disguised
    rows                  (C, R) the values; padding is 0
    valid                 (R,) 1 for a row, 0 for padding; not for vectors, which have none
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final

import numpy as np

from steelyard import fixedpoint
from steelyard.documents.attempt import Contribution
from steelyard.documents.contribution import ContributionHeader
from steelyard.documents.stored import Part, Stored
from steelyard.field import Vector
from steelyard.functions import limbs, second_moment
from steelyard.functions.moments import pairs, products
from steelyard.functions.question import Layers, Table, Values
from steelyard.functions.selection import Selection
from steelyard.ids import PartyId
from steelyard.protocols.create import PADDING
from steelyard.protocols.greet import Inputs
from steelyard.randomness import Randomness
from steelyard.tables.filter import Filter

PURPOSE: Final = "record"  # of contributions that hold one
MOST_TOGETHER: Final = 4_096  # records in one stored sharing: sums leave so much room
LEAST: Final = -(fixedpoint.BOUND - 1)  # the extreme of no rows
_BY_COLUMN: Final = ("sum", "positive", "negative", "squares", "extremes", "rows")
_SUMS: Final = ("count", "parties", "sum", "positive", "negative", "squares")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the layers of a record are."""

    columns: int
    rows: int
    vector: bool

    @property
    def sizes(self) -> Mapping[str, int]:
        columns, rows = self.columns, self.rows
        return {
            "count": 1,
            "parties": 1,
            "sum": columns,
            "positive": columns,
            "negative": columns,
            "squares": second_moment.LIMBS * columns,
            "extremes": 2 * columns,
            "moments": limbs.COUNT * len(pairs(columns)),
            "rows": columns * rows,
            "valid": 0 if self.vector else rows,
        }

    @property
    def size(self) -> int:
        return sum(self.sizes.values())

    def layer(self, record: Vector, name: str) -> Vector:
        """A view of one layer of a whole record, flat."""
        starts = accumulate(self.sizes.values(), initial=0)
        spans = dict(zip(self.sizes, pairwise(starts), strict=True))
        return record[slice(*spans[name])]


def written(table: Table, columns: tuple[str, ...], where: Filter, layout: Layout) -> Layers:
    """All layers, from a party's own rows; raises what the table raises."""
    values = np.stack([table.values(name, where) for name in columns])
    count = np.array([values.shape[1]], dtype=np.int64)
    sums = np.array([int(table.totals(name, [where])[0][0]) for name in columns], dtype=np.int64)
    moments = products(list(values))
    padded = np.pad(values, ((0, 0), (0, layout.rows - values.shape[1])))
    layers = {
        "count": count,
        "parties": count > 0,
        "sum": sums,
        "positive": np.maximum(sums, 0),
        "negative": sums < 0,
        "squares": np.concatenate([second_moment.limbs(each) for each in values]),
        "extremes": np.concatenate([_extremes(each) for each in values]),
        "moments": limbs.split([moments[i][j] for i, j in pairs(len(columns))]),
        "rows": padded,
        "valid": np.arange(0 if layout.vector else layout.rows) < count,
    }
    return {name: layer.astype(np.int64).reshape(-1) for name, layer in layers.items()}


def dealt(layers: Layers, parties: int, noise: Randomness) -> Values:
    """The record as it is dealt: moments disguised, sums checked for head-room."""
    moments = limbs.disguised(layers["moments"].reshape(-1, limbs.COUNT), noise).reshape(-1)
    record = {**layers, "moments": moments}
    for name in _SUMS:
        fixedpoint.check_aggregate(record[name], parties)
    fixedpoint.check_aggregate(moments, min(parties, limbs.MOST))
    return np.concatenate(list(record.values()))


def fits(header: ContributionHeader) -> bool:
    """Whether the layers of a contribution are those of a record of its columns and rows."""
    expected = Layout(len(header.columns), header.rows, vector=False).sizes
    return [(layer.name, layer.length) for layer in header.layers] == list(expected.items())


def narrowed(layout: Layout, columns: tuple[int, ...], share: Vector) -> Vector:
    """The record of some columns, in this order, out of a share of the record of more; `columns` are places."""
    if columns == tuple(range(layout.columns)):
        return share
    record = SharedRecord(layout, columns, share, layout.vector)
    layers = {name: [record.of(name, index) for index in range(len(columns))] for name in _BY_COLUMN}
    whole = {name: [record.of_all(name)] for name in ("count", "parties", "valid")}
    every = {**layers, **whole, "moments": [record.moments().reshape(-1)]}
    return np.concatenate([part for name in layout.sizes for part in every[name]])


@dataclass(frozen=True, slots=True)
class SharedRecord:
    """One party's record in shares, as a question about some of its columns sees it."""

    layout: Layout
    chosen: tuple[int, ...]  # places of the question's columns
    share: Vector = field(repr=False)
    vector: bool = False

    def of_all(self, name: str) -> Vector:
        """A layer that is the same for all columns."""
        return self.layout.layer(self.share, name)

    def of(self, name: str, column: int = 0) -> Vector:
        """A layer's part of the question's column of that number, flat."""
        parts = self.layout.layer(self.share, name).reshape(self.layout.columns, -1)
        chosen: Vector = parts[self.chosen[column]]
        return chosen

    def moments(self) -> Vector:
        """(pairs of the question's columns, limbs), in the order of a question of its own."""
        places = [0, *(1 + index for index in self.chosen)]
        stored = {pair: at for at, pair in enumerate(pairs(self.layout.columns))}
        asked = [sorted((places[i], places[j])) for i, j in pairs(len(self.chosen))]
        rows: Vector = self.layout.layer(self.share, "moments").reshape(-1, limbs.COUNT)
        return rows[[stored[first, second] for first, second in asked]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a node keeps of a stored sharing: its description, the epoch's digest, and the share vector."""

    stored: Stored
    epoch: str  # hex digest, the same at all who hold shares that go together
    share: Vector = field(repr=False)

    def inputs(self, wanted: Selection) -> Inputs:
        """For a question about these columns; raises Invalid for one that is not stored.

        Enough rows in all say nothing of a part of them.
        """
        enough = self.stored.enough and not wanted.narrowed
        return Inputs(contributions(self.stored, wanted.columns), enough, self.stored.minimum_rows)

    def records(self, columns: tuple[str, ...]) -> Mapping[PartyId, SharedRecord]:
        """By contributor."""
        chosen, start, records = self.stored.places(columns), 0, {}
        for part in self.stored.parts:
            layout = layout_of(self.stored, part)
            share = self.share[start : start + layout.size]
            records[PartyId(part.contributor)] = SharedRecord(layout, chosen, share, self.stored.vector)
            start += layout.size
        return records


def contributions(stored: Stored, columns: tuple[str, ...]) -> tuple[Contribution, ...]:
    """Who brought what, for a question about these columns; raises Invalid for one that is not stored."""
    places = stored.places(columns)
    return tuple(part.contribution(places) for part in stored.parts)


def size_of(stored: Stored) -> int:
    """Field elements of a holder's whole share, padding included."""
    return sum(layout_of(stored, part).size for part in stored.parts) + PADDING


def layout_of(stored: Stored, part: Part) -> Layout:
    return Layout(len(stored.columns), part.rows, stored.vector)


def _extremes(values: Values) -> Values:
    ends = [-values.min(), values.max()] if values.size else [LEAST, LEAST]
    return np.array(ends, dtype=np.int64)
