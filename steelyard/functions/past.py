"""Past: what a node has helped to release, as it offers it to the questions that are about that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Interface

from steelyard.documents.request import Request


@dataclass(frozen=True, slots=True)
class Earlier:
    """A computation whose result left this node: what was asked, and who contributed which version."""

    request: Request
    inputs: frozenset[tuple[str, str]]


class Past(Interface):
    """Of one requester."""

    def released(self, computation: str) -> Earlier | None:
        """None where this node has not let a result of it out, or has forgotten."""
