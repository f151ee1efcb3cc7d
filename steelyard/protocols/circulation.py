"""Circulation: nearly the most that can be set off among firms, from shared debts, in a fixed number of steps.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      7 a step for k = 2 and 12 for k = 3 in all stages but the last, there 13 and 23 (one more for k = 2 where
            arcs are more than some thousand, or steps larger than 2^30); before, 65 and 107, and 16 and 24 more for
            every tightening, 25 and 32 for the size of a step.   Sends, at 2-of-3, 79 bytes per party, arc and step.
Reveals     the last step's size, if it is not given, to all participants: between which powers of two the median of
            all debts lies; else nothing.
Follows     Chambolle, Pock 2011 (primal-dual hybrid gradient), with the preconditioning of Pock, Chambolle 2011.
Differs     in integers: prices are in minor units times the step, so no arc needs a truncation.  Room is tightened
            first: no more can be cleared on an arc than its payer could receive, or its payee pay.  Steps are large
            first, for large amounts, and become smaller in two stages.  In all stages but the last, flow answers
            prices that were foreseen (optimistic descent: Popov 1980), so that both move in the same rounds.

One code for both modes: sealed, where the arcs are all pairs of firms and most have a debt of zero, and skeleton,
where they are a public list of pseudonyms.  What is computed is steelyard.setoff.solver, number by number.

Head-room: debts are below 2^34, so what is ahead is below 2^35; a firm of d arcs is out of balance by less than
2^35 d, which times 2^(R-1) / d stays below 2^56, for R is at most 22; so prices rise by less than 2^34 a step.
Where a step is at most 2^30 they are kept below 2^35 and one rise; what is foreseen is below 2^36 + 2^34, so two prices
differ by less than 2^37 + 2^35, and what is wanted from its bounds by less than 2^38.  Where a step is larger, prices
stay below 2^46, for there are at most 4000 steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from steelyard import field as elements
from steelyard.bitfield import Bits
from steelyard.field import Vector
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import negative
from steelyard.protocols.decompose import decompose
from steelyard.protocols.divide import divide
from steelyard.protocols.multiply import multiply
from steelyard.protocols.open_numbers import open_numbers
from steelyard.protocols.prefix import prefix_or, prefix_sums
from steelyard.protocols.select import clamp, minimum
from steelyard.protocols.truncate import truncate
from steelyard.rounds import Protocol, batch
from steelyard.setoff.network import AMOUNT_BITS, Segments, Topology
from steelyard.setoff.schedule import LEAST_STEP, NARROW, PRICE_BITS, Schedule, reciprocal_bits

_DIFFERENCE_BITS: Final = 38  # between what is wanted and its bounds


@dataclass(frozen=True, slots=True)
class Terms:
    """What stays the same from step to step; all vectors are shares."""

    bits: int  # of the last step, public
    room: Vector = field(repr=False)  # for every arc, the most that can be cleared
    worths: Vector = field(repr=False)  # in sixteenths
    multipliers: Vector = field(repr=False)  # for every firm, 2^21 over the number of its arcs with room


@dataclass(frozen=True, slots=True)
class Progress:
    """Shares of where the solver stands: saved every few steps, a round goes on from here after a node's death."""

    taken: int  # steps, public
    flow: Vector = field(repr=False)
    ahead: Vector = field(repr=False)
    prices: Vector = field(repr=False)
    foreseen: Vector = field(repr=False)  # prices, as they are going

    def packed(self) -> list[Vector]:
        """To be saved."""
        return [self.flow, self.ahead, self.prices, self.foreseen]


def prepare(circle: Circle, topology: Topology, amounts: Vector, worths: Vector, schedule: Schedule) -> Protocol[Terms]:
    """The terms of a round, from shares of the debts and of what clearing them is worth, for every arc."""
    # 1. Less room where that changes nothing.
    room = amounts
    for _ in range(schedule.tightenings):
        room = yield from minimum(circle, room, sums(topology.incoming, room)[topology.payers])
        room = yield from minimum(circle, room, sums(topology.outgoing, room)[topology.payees])
    # 2. The step's size, and each firm's share in it.
    bits = schedule.step_bits
    if bits is None:
        bits = yield from _step_bits(circle, room)
    multipliers = yield from _reciprocals(circle, topology, room)
    return Terms(bits, room, worths, multipliers)


def start(topology: Topology) -> Progress:
    """Nothing is cleared, and all prices are equal."""
    nothing, equal = (np.zeros(size, dtype=np.uint64) for size in (topology.arcs, topology.firms))
    return Progress(0, nothing, nothing, equal, equal)


def advance(
    circle: Circle, topology: Topology, terms: Terms, progress: Progress, schedule: Schedule, steps: int
) -> Protocol[Progress]:
    """So many steps further, at most to the schedule's end."""
    beside = circle.aside()
    for taken in range(progress.taken, min(progress.taken + steps, schedule.steps)):
        progress = yield from _sharpened(circle, progress, schedule.sharper(taken))
        bits = terms.bits + schedule.larger(taken)
        if schedule.together(taken):
            progress = yield from _step_together(circle, beside, topology, terms, progress, bits)
        else:
            progress = yield from _step(circle, topology, terms, progress, bits)
    return progress


def _sharpened(circle: Circle, progress: Progress, bits: int) -> Protocol[Progress]:
    if not bits:
        return progress
    prices = yield from truncate(circle, progress.prices, bits)
    return Progress(progress.taken, progress.flow, progress.flow, prices, prices)


def _step(circle: Circle, topology: Topology, terms: Terms, progress: Progress, bits: int) -> Protocol[Progress]:
    # 1. Prices rise where more comes in than goes out.
    rise = yield from _rise(circle, topology, terms, progress, 0)
    prices = elements.add(progress.prices, rise)
    # 2. Flow rises where it is worth more than the difference in price, within its room.
    flow, prices = yield from _answer(circle, topology, terms, progress.flow, prices, prices, bits)
    # 3. Look as far ahead as it went.
    ahead = elements.combine([2, -1], [flow, progress.flow])
    return Progress(progress.taken + 1, flow, ahead, prices, prices)


def _step_together(
    circle: Circle, beside: Circle, topology: Topology, terms: Terms, progress: Progress, bits: int
) -> Protocol[Progress]:
    # 1. As in a step, but that flow answers the prices that were foreseen: neither waits for the other.
    answer = _answer(circle, topology, terms, progress.flow, progress.foreseen, progress.prices, bits)
    moves: list[Protocol[Any]] = [answer, _rise(beside, topology, terms, progress, 1)]
    (flow, kept), rise = yield from batch(moves)
    prices = elements.add(kept, rise)
    # 2. Look as far ahead as both went.
    ahead = elements.combine([2, -1], [flow, progress.flow])
    return Progress(progress.taken + 1, flow, ahead, prices, elements.combine([2, -1], [prices, progress.prices]))


def _rise(circle: Circle, topology: Topology, terms: Terms, progress: Progress, less: int) -> Protocol[Vector]:
    """By how much prices rise, divided by 2^less."""
    pressure = yield from multiply(circle, imbalance(topology, progress.ahead), terms.multipliers)
    return (yield from truncate(circle, pressure, reciprocal_bits(topology) + less))


def _answer(
    circle: Circle, topology: Topology, terms: Terms, flow: Vector, asked: Vector, prices: Vector, bits: int
) -> Protocol[tuple[Vector, Vector]]:
    """The flow that answers the prices asked, within its room; and the prices, kept in their bounds at once."""
    wanted = elements.combine(
        [1, 1 << bits - LEAST_STEP, 1, -1], [flow, terms.worths, asked[topology.payers], asked[topology.payees]]
    )
    if bits > NARROW:
        return (yield from clamp(circle, wanted, 0, terms.room)), prices
    most = np.full(prices.size, 1 << PRICE_BITS, dtype=np.uint64)
    low = np.concatenate([np.zeros_like(wanted), elements.negate(most)])
    both = yield from clamp(
        circle, np.concatenate([wanted, prices]), low, np.concatenate([terms.room, most]), _DIFFERENCE_BITS
    )
    return both[: wanted.size], both[wanted.size :]


def imbalance(topology: Topology, flow: Vector) -> Vector:
    """Shares, for every firm, of what it receives less what it pays.  Local."""
    return elements.subtract(sums(topology.incoming, flow), sums(topology.outgoing, flow))


def sums(segments: Segments, values: Vector) -> Vector:
    """Shares of the sum of every firm's items.  Local."""
    running = np.concatenate([np.zeros(1, dtype=np.uint64), prefix_sums(values[segments.order])])
    return elements.subtract(running[segments.starts[1:]], running[segments.starts[:-1]])


def whole(values: Vector) -> Vector:
    """(1,): a share of the sum of all.  Local."""
    return np.array([elements.dot(values, np.ones_like(values))], dtype=np.uint64)


def positive(circle: Circle, values: Vector) -> Protocol[Vector]:
    """Shares of 1 where a number is above zero, of 0 elsewhere."""
    bits: Bits = yield from negative(circle, elements.negate(values))
    found: Vector = (yield from to_field(circle, bits, values.size))[0]
    return found


def _step_bits(circle: Circle, room: Vector) -> Protocol[int]:
    """As steelyard.setoff.schedule.step_bits; opened is in which power of two the median lies."""
    # 1. How many reach 2^33, 2^32 .. 1.
    planes = yield from decompose(circle, room, AMOUNT_BITS)
    reached = yield from to_field(circle, (yield from prefix_or(circle, planes[:, ::-1].copy())), room.size)
    counts = np.concatenate([whole(row) for row in reached])
    # 2. Which powers at least half of the positive ones reach, if there are any.
    some = np.repeat(counts[-1:], AMOUNT_BITS)
    both = elements.combine([2, -1], [counts, some])
    enough = yield from negative(circle, elements.subtract(np.concatenate([both, counts[-1:]]), _ones(both.size, 1)))
    less = yield from to_field(circle, enough, both.size + 1)
    return (yield from _bucket(circle, less[0]))


def _ones(zeros: int, ones: int) -> Vector:
    return np.concatenate([np.zeros(zeros, dtype=np.uint64), np.ones(ones, dtype=np.uint64)])


def _bucket(circle: Circle, fails: Vector) -> Protocol[int]:
    """Of the powers that do not fail, how many; none if nothing is positive, which is the last that may fail."""
    missed = whole(fails[:-1])
    reached = yield from multiply(
        circle,
        elements.subtract(np.array([AMOUNT_BITS], dtype=np.uint64), missed),
        elements.subtract(np.ones(1, dtype=np.uint64), fails[-1:]),
    )
    opened = yield from open_numbers(circle, "step", reached)
    return max(int(opened[0]) - 2, LEAST_STEP)


def _reciprocals(circle: Circle, topology: Topology, room: Vector) -> Protocol[Vector]:
    used = yield from positive(circle, room)
    degrees = elements.add(sums(topology.incoming, used), sums(topology.outgoing, used))
    bits, most = reciprocal_bits(topology), topology.degree.bit_length()
    quotients, _ = yield from divide(circle, np.ones_like(degrees), degrees, bits - 1, bits, most)
    return quotients
