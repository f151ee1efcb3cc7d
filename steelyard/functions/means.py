"""Means: what a node has for its questions, beside shares: places on its disk, keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from steelyard.functions.shelves import Shelves

Unseal = Callable[[bytes], bytes]  # opens what the requester sealed to this node; raises Malformed


@dataclass(frozen=True, slots=True)
class Means:
    """None for what a node does not have; a question that needs it refuses."""

    shelves: Shelves | None = None  # stored sharings
    unseal: Unseal | None = field(default=None, repr=False)
