"""A stored sharing: what was dealt once and is kept in shares, described without a value of it.

The description never changes: refreshing and resharing make new epochs of it (steelyard.epochs), with the same data.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from steelyard.digest import digest
from steelyard.documents.attempt import MAX_ROWS, Bound, Contribution, Decimals
from steelyard.documents.manifest import Name
from steelyard.documents.request import Hex16
from steelyard.documents.signed import Document
from steelyard.documents.terms import Terms
from steelyard.errors import Invalid

MARK: Final = "@"  # before a stored sharing's name, where a dataset's could stand
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z", max_length=63)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one party dealt, as its contribution to any question is described."""

    contributor: Name
    version: Hex16  # of its data
    rows: Annotated[int, msgspec.Meta(ge=0, le=MAX_ROWS)]  # dealt, padding included
    decimals: tuple[Decimals, ...]
    bounds: tuple[Bound, ...]
    sponsor: Annotated[str, msgspec.Meta(max_length=100)] = ""  # of a contributor without a node
    terms: Terms = Terms()  # the party's, for questions in which its node takes no part

    def contribution(self, columns: tuple[int, ...]) -> Contribution:
        """For a question about these columns, by their places among those stored."""
        decimals, bounds = (tuple(each[index] for index in columns) for each in (self.decimals, self.bounds))
        return Contribution(self.contributor, self.version, decimals, bounds, self.rows, self.sponsor)


class Stored(Document, frozen=True, kw_only=True):
    """`enough`: all rows of the dataset were shared, and `minimum_rows` is met whatever parties' rows are counted."""

    KIND: ClassVar[str] = "stored-sharing"

    id: Hex16
    name: Identifier
    dataset: Identifier
    columns: tuple[Identifier, ...]
    where: Annotated[str, msgspec.Meta(max_length=4096)]
    vector: bool  # rows have positions, are as many as announced, and none is padding
    enough: bool
    minimum_rows: int
    parts: tuple[Part, ...]
    threshold: int  # that it was shared at first

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for it in everything that is signed about an epoch."""
        return digest("document", self.KIND.encode(), self.encode())

    def places(self, columns: tuple[str, ...]) -> tuple[int, ...]:
        """Where these columns are among those stored; raises Invalid, naming one that is not."""
        missing = [name for name in columns if name not in self.columns]
        if missing:
            raise Invalid(f"@{self.name} holds no column {missing[0]}: it holds {', '.join(self.columns)}")
        return tuple(self.columns.index(name) for name in columns)
