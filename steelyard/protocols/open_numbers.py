"""Opening numbers: every party of a circle learns a shared vector.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; shares that lie are corrected or named as by open_to_nodes.
Rounds      1.   Sends the vector to everybody.
Reveals     the vector, to all parties of the circle.
Follows     Reed-Solomon decoding (Gao 2003), as in steelyard.sharing.robust.
Differs     all parties are waited for: whoever computes further needs all of them anyway.
"""

from __future__ import annotations

from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.protocols.circle import Circle
from steelyard.protocols.disputes import blaming
from steelyard.rounds import Protocol, broadcast
from steelyard.sharing.robust import open_robustly


def open_numbers(circle: Circle, step: str, share: Vector) -> Protocol[Vector]:
    """The numbers as elements, in the clear."""
    received = yield broadcast(step, to_bytes(share), circle.others)
    shares = {circle.me: share}
    for party in circle.others:
        with blaming(party):
            shares[party] = from_bytes(received[party], share.size)
    return open_robustly(shares, circle.points, circle.threshold).value
