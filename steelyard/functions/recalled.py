"""What a question about a stored sharing sees of one party's record."""

from __future__ import annotations

from typing import Protocol as Interface

from steelyard.field import Vector


class Record(Interface):
    """One party's record of a stored sharing (steelyard.functions.record), on shares, for the question's columns."""

    @property
    def vector(self) -> bool:
        """Whether rows have positions, and none is padding."""

    def of_all(self, name: str) -> Vector:
        """A layer that is the same for all columns, flat."""

    def of(self, name: str, column: int = 0) -> Vector:
        """A layer's part of the question's column of that number, flat."""

    def moments(self) -> Vector:
        """(pairs of columns, limbs), as `steelyard.functions.moments` orders them."""
