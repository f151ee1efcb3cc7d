"""Columns of shares: what every party returned, as lists of integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.circles import Ring

from steelyard.field import Vector
from steelyard.ids import PartyId


def columns_of(ring: Ring, outputs: Mapping[PartyId, Sequence[Vector]]) -> list[list[int]]:
    width = len(outputs[ring.parties[0]])
    return [ring.reconstruct({party: each[i] for party, each in outputs.items()}) for i in range(width)]
