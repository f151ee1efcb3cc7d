"""Suppression: which cells have too few rows, or rows of too few parties, without saying how many.

Model       semi-honest with 2k-1 nodes or more; with fewer malicious, as steelyard.protocols.open_to_nodes.
Rounds      9 at k = 2 (10 where groups need keys), 1 with fewer than 2k-1 nodes.   Sends 2 comparisons a cell.
Reveals     to all participants: which cells are suppressed.  With fewer than 2k-1 nodes the two counts of each cell.
Follows     a minimum cell size as in statistical disclosure control; compared with steelyard.protocols.compare.
Differs     nothing is computed or opened where every contributor has said that all its rows are enough (`enough`).
"""

from __future__ import annotations

import numpy as np

from steelyard import bitfield, field
from steelyard.field import Vector, to_signed
from steelyard.functions.question import Held, Leak
from steelyard.functions.selection import Selection
from steelyard.protocols.bits import conjunction, open_bits
from steelyard.protocols.circle import Circle
from steelyard.protocols.open_to_nodes import open_to_nodes
from steelyard.protocols.select import negatives
from steelyard.rounds import Protocol

LAYERS = ("count", "parties")  # rows of a cell, and how many parties have any


def suppressed(
    held: Held, rows: Vector, parties: Vector, circle: Circle | None = None, needed: int = 0, partly: bool = False
) -> Protocol[tuple[int, ...]]:
    """The cells to leave out, from shares of both counts, (cells,) each; `circle` if there is one already.

    `needed` are the rows that the figure takes, whatever the owners say; `partly`: cells are not all rows of everybody.
    """
    attempt, greeting = held.attempt, held.greeting
    minimum = max(greeting.minimum_rows, needed)
    # 1. All rows of everybody, and everybody has enough of them.
    if greeting.enough and minimum == greeting.minimum_rows and not partly:
        return ()
    # 2. Too few nodes to compare: the counts are opened.
    if circle is None and len(attempt.participants) < 2 * attempt.threshold - 1:
        opened = yield from open_to_nodes(attempt, "rows", np.concatenate([rows, parties]))
        counts = to_signed(opened.value).reshape(2, rows.size)
        few = (counts[0] < minimum) | (counts[1] < greeting.minimum_group)
        return tuple(np.flatnonzero(few).tolist())
    # 3. Either count is less than its minimum; only that is opened.
    circle = circle or (yield from held.circle())
    lane = circle.branch("suppression")
    below = yield from negatives(lane, _minus(rows, minimum), _minus(parties, greeting.minimum_group))
    both = yield from conjunction(lane, "either", below[:, :1], below[:, 1:])
    either = below[:, :1] ^ below[:, 1:] ^ both
    planes = yield from open_bits(lane, "suppressed", either)
    few = bitfield.join_bits(planes, rows.size)
    return tuple(np.flatnonzero(few).tolist())


def leaks(wanted: Selection, cell: str = "result") -> tuple[Leak, ...]:
    """For the leakage statement; `cell` is what one is called."""
    counts = f"where the nodes are too few to compare, how many rows and parties each {cell} has"
    few = Leak(
        f"whether each {cell} is suppressed because of too few rows, or rows of too few parties; {counts}",
        "every node, the requester",
    )
    if wanted.narrowed:
        return (few,)
    return (Leak("whether each party has as many rows as its owner's minimum", "every node, the coordinator"), few)


def _minus(share: Vector, minimum: int) -> Vector:
    """Shares of the number less a public one: every party takes it off."""
    return field.subtract(share, np.full(share.size, minimum, dtype=np.uint64))
