"""The arguments of `sum`, `count` and `mean`, and what they mean in layers and cells.

A computation deals one value per layer (`sum`, `count`) and cell (a group, a position, or the one total).  Which
layers are dealt and which released follows from the arguments alone, so every node and the requester agree.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, Final

import msgspec

from steelyard.documents.request import Request
from steelyard.errors import Invalid
from steelyard.ids import identifier
from steelyard.tables.filter import Filter, parse

MAX_CELLS: Final = 1 << 22
MAX_GROUPS: Final = 4_096
MAX_EPSILON: Final = 100
_DECIMAL: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?")  # bounded before it becomes a number
SUPPRESSION: Final = ("count", "parties")  # rows of a cell, and how many parties have any
FUNCTIONS: Final = ("sum", "count", "mean")


class Aggregate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `length` > 0 asks for a position-wise sum of vectors; `epsilon` is a decimal, empty for exact."""

    dataset: str
    column: str
    where: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    group_by: str = ""
    groups: tuple[Annotated[str, msgspec.Meta(max_length=200)], ...] = ()
    length: Annotated[int, msgspec.Meta(ge=0, le=MAX_CELLS)] = 0
    epsilon: Annotated[str, msgspec.Meta(max_length=20)] = ""

    @property
    def cells(self) -> int:
        return self.length or len(self.groups) or 1

    @property
    def private(self) -> bool:
        """With noise for differential privacy."""
        return bool(self.epsilon)

    @property
    def filter(self) -> Filter:
        return parse(self.where)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """One per cell, for anything but vectors."""
        if not self.group_by:
            return (self.filter,)
        return tuple(self.filter.with_value(self.group_by, group) for group in self.groups)

    @property
    def filter_columns(self) -> frozenset[str]:
        return frozenset(self.filter.columns) | ({self.group_by} if self.group_by else set())


def arguments(request: Request) -> Aggregate:
    """The checked arguments of a request for sum, count or mean."""
    if request.function not in FUNCTIONS:
        raise Invalid(f"there is no function {request.function}")
    return checked(request.function, request.arguments)


def checked(function: str, raw: dict[str, Any]) -> Aggregate:
    try:
        wanted = msgspec.convert(raw, Aggregate, strict=True)
    except msgspec.ValidationError as error:
        raise Invalid(f"the arguments of {function} are wrong: {error}") from None
    identifier(wanted.dataset, "dataset")
    identifier(wanted.column, "column")
    _check_groups(wanted)
    if wanted.length and (function != "sum" or wanted.group_by or wanted.where):
        raise Invalid("only sum takes vectors, and then neither groups nor a filter")
    if wanted.private:
        epsilon(wanted)
    if wanted.where != wanted.filter.text:
        raise Invalid("the filter is not in its normal form; let the client write it")
    return wanted


def epsilon(wanted: Aggregate) -> Fraction:
    """The privacy parameter, exactly as written."""
    if not _DECIMAL.fullmatch(wanted.epsilon):
        raise Invalid("epsilon is a plain decimal number such as 0.5")
    value = Fraction(wanted.epsilon)
    if not 0 < value <= MAX_EPSILON:
        raise Invalid(f"epsilon is a decimal above 0 and at most {MAX_EPSILON}")
    return value


def released_layers(function: str) -> tuple[str, ...]:
    """What the requester learns of each cell."""
    return {"sum": ("sum",), "count": ("count",), "mean": ("sum", "count")}[function]


def dealt_layers(function: str, wanted: Aggregate) -> tuple[str, ...]:
    """What is dealt: exact cells also need the layers of SUPPRESSION, on which the nodes decide what to leave out."""
    released = released_layers(function)
    if wanted.length or wanted.private:
        return released
    return (*released, *(layer for layer in SUPPRESSION if layer not in released))


def _check_groups(wanted: Aggregate) -> None:
    if bool(wanted.group_by) != bool(wanted.groups):
        raise Invalid("group-by needs a column and a public list of groups")
    if len(wanted.groups) > MAX_GROUPS or len(set(wanted.groups)) != len(wanted.groups):
        raise Invalid(f"at most {MAX_GROUPS} groups, each named once")
    if wanted.group_by:
        identifier(wanted.group_by, "column")
