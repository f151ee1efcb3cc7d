"""The solver in clear text: the integer arithmetic of steelyard.protocols.circulation and repair, step by step.

It says what the secure protocol will return, bit for bit, and lets steps and rules be chosen on large networks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steelyard.errors import Failed
from steelyard.setoff.network import FULL, Amounts, Network
from steelyard.setoff.schedule import (
    CERTIFIED,
    LEAST_STEP,
    MOST_PRICE,
    NARROW,
    PRICE_BITS,
    Schedule,
    depths,
    reciprocal_bits,
    step_bits,
)


@dataclass(frozen=True)
class State:
    """What is cleared on every arc, and every firm's price, in minor units times the step; and where both are going."""

    flow: Amounts = field(repr=False)
    ahead: Amounts = field(repr=False)
    prices: Amounts = field(repr=False)
    foreseen: Amounts = field(repr=False)


@dataclass(frozen=True)
class Solution:
    flow: Amounts = field(repr=False)
    bound: int = field(repr=False)  # no circulation is worth more, in sixteenths of a minor unit
    phases: int  # of the repair

    def share(self, network: Network) -> int:
        """Of the bound, in 1/10,000, rounded down; all of it where nothing can be cleared."""
        worth = int((network.worths * self.flow).sum())
        return 10_000 * worth // self.bound if self.bound else 10_000


def solve(network: Network, schedule: Schedule) -> Solution:
    room = tightened(network, schedule.tightenings)
    bits = step_bits(room) if schedule.step_bits is None else schedule.step_bits
    multipliers = reciprocals(network, room)
    state = start(network)
    for taken in range(schedule.steps):
        state = sharpened(state, schedule.sharper(taken))
        state = step(network, room, multipliers, bits + schedule.larger(taken), state, schedule.together(taken))
    flow, phases = repaired(network, room, state.flow, schedule.phases)
    return Solution(flow, bound(network, room, state.prices, bits), phases)


def tightened(network: Network, times: int) -> Amounts:
    """No more can be cleared on an arc than its payer could receive, or its payee pay."""
    topology, room = network.topology, network.amounts
    for _ in range(times):
        room = np.minimum(room, topology.incoming.sums(room)[topology.payers])
        room = np.minimum(room, topology.outgoing.sums(room)[topology.payees])
    return room


def reciprocals(network: Network, room: Amounts) -> Amounts:
    """2^reciprocal_bits over twice the number of arcs with room, of every firm."""
    used = (room > 0).astype(np.int64)
    degrees = network.topology.incoming.sums(used) + network.topology.outgoing.sums(used)
    return np.where(degrees > 0, (1 << reciprocal_bits(network.topology) - 1) // np.maximum(degrees, 1), 0)


def start(network: Network) -> State:
    nothing, equal = (np.zeros(size, dtype=np.int64) for size in (network.topology.arcs, network.topology.firms))
    return State(nothing, nothing, equal, equal)


def sharpened(state: State, bits: int) -> State:
    """The same in smaller steps; where they change, nothing is looked ahead."""
    return State(state.flow, state.flow, state.prices >> bits, state.prices >> bits) if bits else state


def step(network: Network, room: Amounts, multipliers: Amounts, bits: int, state: State, together: bool) -> State:
    """Prices rise where more comes in than goes out; flow rises where it is worth more than the difference in price.

    Flow answers the new prices; or, where both move together, the prices that were foreseen.
    """
    topology = network.topology
    rise = network.imbalance(state.ahead) * multipliers >> reciprocal_bits(topology) + together
    asked = state.foreseen if together else state.prices + rise
    gains = (network.worths << bits - LEAST_STEP) - asked[topology.payees] + asked[topology.payers]
    flow = np.clip(state.flow + gains, 0, room)
    if together:
        prices = _kept(state.prices, bits) + rise
        return State(flow, 2 * flow - state.flow, prices, 2 * prices - state.prices)
    prices = _kept(asked, bits)
    return State(flow, 2 * flow - state.flow, prices, prices)


def _kept(prices: Amounts, bits: int) -> Amounts:
    return np.clip(prices, -1 << PRICE_BITS, 1 << PRICE_BITS) if bits <= NARROW else prices


def bound(network: Network, room: Amounts, prices: Amounts, bits: int) -> int:
    """Worth of all room beyond its price, rounded up: an upper bound for any prices."""
    best = []
    for places in (CERTIFIED, 0):
        rough = prices >> bits - places if bits >= places else prices << places - bits
        rough = np.clip(rough, -MOST_PRICE << places, MOST_PRICE << places)
        worth = (network.worths << places) - FULL * (rough[network.topology.payees] - rough[network.topology.payers])
        exact = room * np.maximum(worth, 0)
        best.append(int((-(-exact >> places)).sum()))
    return min(*best, int((room * np.maximum(network.worths, 0)).sum()))


def repaired(network: Network, room: Amounts, flow: Amounts, phases: int) -> tuple[Amounts, int]:
    """A circulation near `flow`: what a firm has too much goes the shortest way to one that has too little.

    In every other phase what it has too little: then many small ones meet the few where the others have gathered.
    """
    for phase, depth in enumerate(depths(phases, network.topology.firms)):
        if not network.imbalance(flow).any():
            return flow, phase
        sign = -1 if phase % 2 else 1
        admissible = _admissible(network, room, flow, depth, sign)
        for _ in range(depth):
            flow = flow + _pushed(network, room, flow, admissible, sign)
    if network.imbalance(flow).any():
        raise Failed("the firms' balances were not all restored; ask for more phases of repair")
    return flow, phases


def _widths(room: Amounts, flow: Amounts, sign: int) -> Amounts:
    """By how much every way can take an excess, or for sign -1 a deficit, from its owner to its other end."""
    rest = [room - flow, flow]
    return np.concatenate(rest[::sign])


def _admissible(network: Network, room: Amounts, flow: Amounts, depth: int, sign: int) -> Amounts:
    """For every way whether it leads one step nearer to a firm with the opposite imbalance."""
    topology, ways = network.topology, network.topology.ways
    ends = np.concatenate([topology.payees, topology.payers])
    open_ = (_widths(room, flow, sign) > 0).astype(np.int64)
    reached = (sign * network.imbalance(flow) < 0).astype(np.int64)
    level, admissible = reached, np.zeros_like(open_)
    for _ in range(depth):
        further = ((ways.sums(open_ * reached[ends]) + reached) > 0).astype(np.int64)
        admissible += (further - reached)[ways.owners] * level[ends]
        level, reached = further - reached, further
    return admissible * open_


def _pushed(network: Network, room: Amounts, flow: Amounts, admissible: Amounts, sign: int) -> Amounts:
    """What every firm passes on, over its ways in their order, as far as there is room."""
    ways, arcs = network.topology.ways, network.topology.arcs
    widths = (admissible * _widths(room, flow, sign))[ways.order]
    owners = ways.owners[ways.order]
    running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(widths)])
    prefix = running[1:] - running[ways.starts[:-1]][owners]
    excess = sign * network.imbalance(flow)[owners]
    moved = np.empty_like(widths)
    moved[ways.order] = np.minimum(excess, prefix) - np.minimum(excess, prefix - widths)
    change: Amounts = sign * (moved[:arcs] - moved[arcs:])
    return change
