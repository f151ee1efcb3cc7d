"""`Selection`: which rows and columns a question is about; `Cells`: the same, group by group."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from steelyard.documents.stored import MARK
from steelyard.errors import Invalid
from steelyard.ids import identifier
from steelyard.tables.filter import Filter, parse

MAX_GROUPS: Final = 4_096
GroupName = Annotated[str, msgspec.Meta(max_length=200)]


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments that all questions have: rows of a dataset, by a filter in normal form, and a column."""

    dataset: str
    column: str
    where: Annotated[str, msgspec.Meta(max_length=4096)] = ""

    @property
    def filter(self) -> Filter:
        return parse(self.where)

    @property
    def filter_columns(self) -> frozenset[str]:
        return frozenset(self.filter.columns)

    @property
    def narrowed(self) -> str:
        """How the rows are selected, for people and ledgers; empty for all rows."""
        return self.where

    @property
    def columns(self) -> tuple[str, ...]:
        """Those whose values are used."""
        return (self.column,)

    @property
    def stored(self) -> str:
        """The name of the stored sharing that is asked about; empty for data that its owners deal now."""
        return self.dataset.removeprefix(MARK) if self.dataset.startswith(MARK) else ""

    def check(self) -> None:
        """Raises Invalid; what the types cannot say."""
        identifier(self.stored or self.dataset, "dataset")
        if self.stored and self.filter_columns:
            raise Invalid("a stored sharing is taken whole: select its rows when it is shared")
        for column in self.columns:
            identifier(column, "column")
        if self.where != self.filter.text:
            raise Invalid("the filter is not in its normal form; let the client write it")


class Cells(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure over all rows selected, or one for each of several public groups."""

    group_by: str = ""
    groups: tuple[GroupName, ...] = ()

    @property
    def cells(self) -> int:
        return len(self.groups) or 1

    @property
    def filters(self) -> tuple[Filter, ...]:
        """One per cell."""
        if not self.group_by:
            return (self.filter,)
        return tuple(self.filter.with_value(self.group_by, group) for group in self.groups)

    @property
    def filter_columns(self) -> frozenset[str]:
        return frozenset(self.filter.columns) | ({self.group_by} if self.group_by else set())

    @property
    def narrowed(self) -> str:
        return " by ".join(part for part in (self.where, self.group_by) if part)

    def check(self) -> None:
        super().check()
        if bool(self.group_by) != bool(self.groups):
            raise Invalid("group-by needs a column and a public list of groups")
        if len(self.groups) > MAX_GROUPS or len(set(self.groups)) != len(self.groups):
            raise Invalid(f"at most {MAX_GROUPS} groups, each named once")
        if self.group_by:
            identifier(self.group_by, "column")
