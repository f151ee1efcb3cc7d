"""Streaming: a protocol over millions of values, piece by piece in bounded memory, sending while it computes.

Model       that of the protocol.
Rounds      1 times the protocol's for every DEPTH pieces.   Sends what the protocol sends.
Reveals     nothing.
Follows     software pipelining.
Differs     nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from steelyard.bitfield import WORD, Bits
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol, pipeline

PIECE: Final = 1 << 17  # values: fewer messages cost less than what overlaps in smaller pieces
DEPTH: Final = 4  # pieces under way at once


def streamed(
    circle: Circle, protocol: Callable[..., Protocol[Bits]], *vectors: Vector, piece: int = PIECE, depth: int = DEPTH
) -> Protocol[Bits]:
    """`protocol(circle, *vectors)`, which maps vectors to arrays with the instances last, piece by piece.

    Vectors are of one length, and `piece` a multiple of 64, so that bits of pieces join without shifting.
    """
    if piece % WORD or len({vector.size for vector in vectors}) != 1:
        raise Invalid("pieces are whole words of vectors of one length")
    size = vectors[0].size
    if size <= piece:
        return (yield from protocol(circle, *vectors))
    lane, starts = circle.aside(), range(0, size, piece)  # a lane of its own: long vectors may follow each other
    branches = (
        protocol(lane.branch(start), *(vector[start : start + piece] for vector in vectors)) for start in starts
    )
    return np.concatenate((yield from pipeline(branches, depth)), axis=-1)
