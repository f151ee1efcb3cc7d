"""Repair: a circulation near a shared flow, exact in every firm's balance, to the last minor unit.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      25 + 18 D for a phase of depth D at k = 2, 36 + 26 D at k = 3; three to seven phases of depth 4 are usual
            for 100 firms.   Sends, at 2-of-3, 115 + 107 D bytes per party and arc.
Reveals     before every phase, whether all firms are balanced, to all participants: so how many phases it took.
Follows     Dinic 1970: shortest ways by layers; Goldberg, Tarjan 1988: excess is pushed from firm to firm at once.
Differs     excess and deficit take turns to move: what has gathered at few firms is met by all that is left at others.
            As the rest of a flow is always a way back, every phase that looks far enough restores something.

A firm's ways are its payables, which can rise to their room, and its receivables, which can fall to zero; for a
deficit they fall and rise.  What is computed is steelyard.setoff.solver, number by number.

Head-room: widths and excess of one firm add up to less than 2^34 times its arcs, far below 2^59.
"""

from __future__ import annotations

import numpy as np

from steelyard import field
from steelyard.errors import Failed
from steelyard.field import Vector
from steelyard.protocols.bits import open_bits
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import imbalance, positive, sums, whole
from steelyard.protocols.compare import negative
from steelyard.protocols.multiply import multiply, reshare
from steelyard.protocols.prefix import prefix_sums
from steelyard.protocols.select import minimum
from steelyard.rounds import Protocol
from steelyard.setoff.network import Topology
from steelyard.setoff.schedule import Schedule, depths


def repair(circle: Circle, topology: Topology, room: Vector, flow: Vector, schedule: Schedule) -> Protocol[Vector]:
    """Shares of a circulation within its room.  Raises Failed if the schedule's phases do not suffice."""
    for phase, depth in enumerate(depths(schedule.phases, topology.firms)):
        # 1. Is anything left to do?
        if (yield from balanced(circle, topology, flow)):
            return flow
        # 2. The ways that lead nearer to an opposite imbalance, then along them.
        sign = -1 if phase % 2 else 1
        admissible = yield from _admissible(
            circle, topology, _widths(room, flow, sign), _signed(topology, flow, sign), depth
        )
        for _ in range(depth):
            flow = yield from _push(circle, topology, room, flow, admissible, sign)
    if not (yield from balanced(circle, topology, flow)):
        raise Failed("the firms' balances were not all restored; ask for more phases of repair")
    return flow


def balanced(circle: Circle, topology: Topology, flow: Vector) -> Protocol[bool]:
    """Whether every firm receives what it pays: nobody has a deficit, for all of them add up to zero.  Opened."""
    short = yield from positive(circle, field.negate(imbalance(topology, flow)))
    some = yield from negative(circle, field.negate(whole(short)))
    opened = yield from open_bits(circle, "balanced", some)
    return not int(opened[0, 0]) & 1


def _signed(topology: Topology, flow: Vector, sign: int) -> Vector:
    return field.scale(sign, imbalance(topology, flow))


def _widths(room: Vector, flow: Vector, sign: int) -> Vector:
    """By how much every way can take an excess, or for sign -1 a deficit, from its owner to its other end."""
    return np.concatenate([field.subtract(room, flow), flow][::sign])


def _admissible(circle: Circle, topology: Topology, widths: Vector, excess: Vector, depth: int) -> Protocol[Vector]:
    """Shares, for every way, of 1 if it is open and leads one step nearer to a firm with the opposite imbalance."""
    ways, ends = topology.ways, np.concatenate([topology.payees, topology.payers])
    # 1. Which ways are open, and who has the opposite imbalance.
    signs = yield from positive(circle, np.concatenate([widths, field.negate(excess)]))
    usable, reached = signs[: widths.size], signs[widths.size :]
    # 2. Layer by layer, who reaches those that were reached before.
    level, nearer = reached, np.zeros_like(widths)
    for _ in range(depth):
        found = yield from reshare(circle, "reach", sums(ways, field.multiply(usable, reached[ends])))
        further = yield from positive(circle, field.add(found, reached))
        new = field.subtract(further, reached)
        nearer = field.add(nearer, field.multiply(new[ways.owners], level[ends]))
        level, reached = new, further
    # 3. A way is admissible from one layer to the one before, if it is open.
    nearer = yield from reshare(circle, "nearer", nearer)
    return (yield from multiply(circle, nearer, usable))


def _push(
    circle: Circle, topology: Topology, room: Vector, flow: Vector, admissible: Vector, sign: int
) -> Protocol[Vector]:
    """The flow after every firm has passed on what it can, over its ways in their order."""
    ways, arcs, firms = topology.ways, topology.arcs, topology.firms
    # 1. What each way can take, and all ways of its owner up to it.
    widths = (yield from multiply(circle, admissible, _widths(room, flow, sign)))[ways.order]
    running = np.concatenate([np.zeros(1, dtype=np.uint64), prefix_sums(widths)])
    owners = ways.owners[ways.order]
    prefix = field.subtract(running[1:], running[ways.starts[:-1]][owners])
    # 2. The ways up to it take all there is, or all they can; from nothing on, lest a firm without excess gives.
    excess = _signed(topology, flow, sign)
    limits = np.concatenate([prefix, np.zeros(firms, dtype=np.uint64)])
    taken = yield from minimum(circle, np.concatenate([excess[owners], excess]), limits)
    # 3. What a way takes is what it adds to those before it.
    upto, none = taken[: 2 * arcs], taken[2 * arcs :]
    before = np.concatenate([none[:1], upto[:-1]])
    first = np.flatnonzero(ways.starts[:-1] < ways.starts[1:])
    before[ways.starts[first]] = none[first]
    moved = np.empty_like(upto)
    moved[ways.order] = field.subtract(upto, before)
    return field.combine([1, sign, -sign], [flow, moved[:arcs], moved[arcs:]])
