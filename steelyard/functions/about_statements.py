"""Which statements a question is about: firms, a year, items; and the rows of them in one owner's table.

A table has a row per firm and year.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from steelyard.ckks.statements import IDENTITY
from steelyard.documents.manifest import Name
from steelyard.errors import Invalid
from steelyard.functions.question import Layers, Table
from steelyard.functions.selection import Selection
from steelyard.ids import PartyId, identifier
from steelyard.tables.filter import Filter

FIRM: Final = "firm"
YEAR: Final = "year"
MAX_NAME: Final = 200
MAX_CALLED: Final = 100  # a node holds all their answers at once, of 2 to 9 MB
Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]


class AboutStatements(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  No `subjects` are all firms, `year` 0 is each firm's latest; `balance` checks the identity.

    `called` are those of the subjects that have no node and are asked for statements of their own.
    """

    dataset: str = "statements"
    column: str = FIRM
    subjects: tuple[Subject, ...] = ()
    year: Annotated[int, msgspec.Meta(ge=0, le=9999)] = 0
    balance: bool = True
    called: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=MAX_CALLED)] | UnsetType = UNSET

    @property
    def firms(self) -> tuple[PartyId, ...]:
        """Those called."""
        return () if isinstance(self.called, UnsetType) else tuple(map(PartyId, self.called))

    @property
    def items(self) -> tuple[str, ...]:
        """Of a statement, that the question itself takes."""
        raise NotImplementedError

    @property
    def optional(self) -> frozenset[str]:
        """Items that a statement may lack."""
        return frozenset(self.items) - frozenset(IDENTITY if self.balance else ())

    @property
    def columns(self) -> tuple[str, ...]:
        checked = IDENTITY if self.balance else ()
        return tuple(dict.fromkeys((FIRM, YEAR, *self.items, *checked)))

    @property
    def selected(self) -> Filter:
        return self.filter.with_value(YEAR, self.year) if self.year else self.filter

    @property
    def narrowed(self) -> str:
        parts = (self.where, f"{YEAR} = {self.year}" if self.year else "", ", ".join(self.subjects))
        return "; ".join(part for part in parts if part)

    def check(self) -> None:
        if self.column != FIRM:
            raise Invalid(f"statements are named by the column {FIRM}")
        super().check()
        for item in self.items:
            identifier(item, "column")
        if len(set(self.subjects)) != len(self.subjects):
            raise Invalid("a firm is named once")
        if not set(self.firms) <= set(self.subjects) or len(set(self.firms)) != len(self.firms):
            raise Invalid("firms without a node that are called to answer are among the subjects, each once")
        if self.firms and self.where:
            raise Invalid("a condition selects rows of owners' datasets: firms without a node have none, ask apart")


def chosen_rows(wanted: AboutStatements, table: Table) -> NDArray[np.int64]:
    """The rows asked about, in the file's order: of every subject one, but of those called none: they answer."""
    latest: dict[str, tuple[int, int]] = {}
    years = table.values(YEAR, wanted.selected).tolist()
    for row, (firm, year) in enumerate(zip(table.texts(FIRM, wanted.selected), years, strict=True)):
        if (wanted.subjects and firm not in wanted.subjects) or firm in wanted.firms:
            continue
        if firm in latest and latest[firm][0] == year:
            raise Invalid(f"row {row + 1} of {wanted.dataset} is a second statement of the same firm and year")
        latest[firm] = max(latest.get(firm, (year, row)), (year, row))
    return np.array(sorted(row for _, row in latest.values()), dtype=np.int64)


def items_of(wanted: AboutStatements, table: Table, chosen: NDArray[np.int64]) -> Layers:
    """The years and items of the rows chosen; raises NotFound for one that is lacking and may not."""
    return {
        name: table.values(name, wanted.selected)[chosen]
        for name in wanted.columns
        if name != FIRM and (table.has(name) or name not in wanted.optional)
    }
