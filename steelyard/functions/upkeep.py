"""Upkeep: what is done to a stored sharing as a whole: refreshing, recovering, resharing, checking and forgetting it.

Nothing that is stored is used or opened; who holds shares of what threshold may change, and every share does.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, TypeVar

import msgspec

from steelyard.documents.manifest import Name
from steelyard.errors import Invalid, Malformed
from steelyard.functions.question import Layers, Opening, Question, Selection, Table


class Whole(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: a stored sharing, all of it."""

    column: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def check(self) -> None:
        super().check()
        if not self.stored or self.column or self.where:
            raise Invalid("this is done to a stored sharing as a whole: name it, such as pool")


class Lost(Whole, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: the party whose share is lost."""

    party: Name


class Holders(Whole, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: who is to hold shares from now on, and how many shares are to reconstruct."""

    holders: Annotated[tuple[Name, ...], msgspec.Meta(min_length=2, max_length=31)]
    shares: Annotated[int, msgspec.Meta(ge=2, le=31)]

    def check(self) -> None:
        super().check()
        if len(set(self.holders)) < len(self.holders) or self.shares > len(self.holders):
            raise Invalid("each holder is named once, and they are at least as many as the threshold")


W = TypeVar("W", bound=Whole)


class Upkeep(Question[W]):
    """Nobody brings anything; the figures are numbers that all nodes know and sign."""

    @property
    def releases(self) -> bool:
        return False

    @property
    @abstractmethod
    def figure_names(self) -> tuple[str, ...]:
        """What the numbers are."""

    def values(self, rows: int) -> int:
        return 0

    def bring(self, table: Table, rows: int) -> Layers:
        return {}

    def figures(self, opened: Opening) -> dict[str, Any]:
        numbers = opened.rows(len(self.figure_names), 1)[:, 0].tolist()
        if any(number < 0 for number in numbers):
            raise Malformed("a number of something that is below zero")
        return {"name": self.wanted.stored, **dict(zip(self.figure_names, numbers, strict=True))}
