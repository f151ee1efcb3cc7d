"""Round totals: what a set-off round says about all firms together, as shares; whoever may know opens them.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      9 for k = 2, 13 for k = 3.   Sends, at 2-of-3, 118 bytes per party and firm.
Reveals     nothing.
Follows     the four numbers that the public MTCS tools print.
Differs     nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steelyard import field as elements
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import imbalance, positive, sums, whole
from steelyard.protocols.multiply import multiply
from steelyard.rounds import Protocol
from steelyard.setoff.network import Topology


@dataclass(frozen=True, slots=True)
class RoundTotals:
    """Shares, (1,) each, in minor units but for the firms."""

    total: Vector = field(repr=False)
    cleared: Vector = field(repr=False)
    internal_debt: Vector = field(repr=False)  # net: the least cash that settles everything, the same before and after
    firms: Vector = field(repr=False)  # with a set-off


def round_totals(circle: Circle, topology: Topology, amounts: Vector, flow: Vector) -> Protocol[RoundTotals]:
    """Of the arcs that are debts."""
    # 1. Who is owed more than it owes, and of whom something is cleared: with cash, of a debt or a claim alone, too.
    net = imbalance(topology, amounts)
    cleared = elements.add(sums(topology.outgoing, flow), sums(topology.incoming, flow))
    signs = yield from positive(circle, np.concatenate([net, cleared]))
    # 2. What they are owed together.
    owed = yield from multiply(circle, signs[: net.size], net)
    return RoundTotals(whole(amounts), whole(flow), whole(owed), whole(signs[net.size :]))
