"""Certificate: that a shared flow is a circulation within what is owed, and how much of the best possible it clears.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      106 for k = 2, 161 for k = 3.   Sends, at 2-of-3, 280 bytes per party and arc, and 42 kB.
Reveals     two numbers that are zero if and only if the flow is sound (else they are random), and the certified share
            to four decimals, rounded down, to all participants.
Follows     duality of linear programming: what all room is worth beyond its price bounds every circulation's worth.
Differs     the least of three bounds: by the solver's prices, by the same rounded to whole steps, which are the best
            prices where all debts count alike, and by none.  Every rounding is upwards.

Head-room: amounts of a round add up to less than 2^44, a price is at most 31 steps, so worth in 2^-8 of a sixteenth is
below 2^19; an arc's product is below 2^53, divided before it is added; a bound is at most 64 times 2^44, and a thousand
times that is below 2^60.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from steelyard import field
from steelyard.errors import Cheated
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import imbalance, positive, whole
from steelyard.protocols.multiply import deal_values, multiply, reshare
from steelyard.protocols.open_numbers import open_numbers
from steelyard.protocols.select import clamp, smallest
from steelyard.protocols.truncate import truncate
from steelyard.randomness import SystemRandomness
from steelyard.rounds import Protocol
from steelyard.setoff.network import FULL, Topology
from steelyard.setoff.schedule import CERTIFIED, MOST_PRICE

DECIMALS: Final = 4  # of the certified share
_FIRST: Final = 1000  # the share is opened as three decimals, then one more


def verify(circle: Circle, topology: Topology, owed: Vector, flow: Vector) -> Protocol[None]:
    """Raises Cheated unless every firm receives what it pays, and no arc clears less than zero or more than is owed."""
    # 1. How many arcs are out of their bounds.
    outside = yield from positive(circle, np.concatenate([field.negate(flow), field.subtract(flow, owed)]))
    # 2. A random combination that nobody knows of all that must be zero.
    wrong = np.concatenate([imbalance(topology, flow), whole(outside)])
    mask = field.uniform(SystemRandomness(), wrong.size)
    dealt = yield from deal_values(circle, "masks", circle.parties, mask, wrong.size)
    products = field.multiply(field.total(list(dealt.values())), wrong)
    combined = np.concatenate([whole(products[:-1]), products[-1:]])
    opened = yield from open_numbers(circle, "sound", (yield from reshare(circle, "combined", combined)))
    if opened.any():
        raise Cheated("what was cleared does not balance, or is more than is owed", suspects=circle.parties)


def upper_bound(
    circle: Circle, topology: Topology, room: Vector, worths: Vector, prices: Vector, step_bits: int
) -> Protocol[Vector]:
    """(1,): a share of a number that no circulation's worth exceeds, in sixteenths of a minor unit."""
    bounds = []
    for places in (CERTIFIED, 0):
        # 1. Prices in steps, with so many places.
        drop = step_bits - places
        rough = (yield from truncate(circle, prices, drop)) if drop > 0 else field.scale(1 << -drop, prices)
        rough = yield from clamp(circle, rough, -MOST_PRICE << places, MOST_PRICE << places)
        # 2. What room is worth beyond the difference of its ends' prices.
        beyond = field.combine([1 << places, FULL, -FULL], [worths, rough[topology.payers], rough[topology.payees]])
        bounds.append((yield from _worth(circle, room, beyond, places)))
    bounds.append((yield from _worth(circle, room, worths, 0)))
    return (yield from smallest(circle, np.stack(bounds, axis=1)))


def certified_share(circle: Circle, worths: Vector, flow: Vector, most: Vector) -> Protocol[int]:
    """In 1/10,000, rounded down, of the bound `most`: opened.  10,000 where nothing could be cleared."""
    # 1. A thousand times the worth of what is cleared, and how often the bound goes into it.
    (worth,) = (yield from reshare(circle, "worth", whole(field.multiply(worths, flow)))).reshape(1, 1)
    thousandths = yield from _quotient(circle, field.scale(_FIRST, worth), most, _FIRST)
    # 2. The same with ten times the rest.
    rest = field.combine([_FIRST, -thousandths], [worth, most])
    tenths = yield from _quotient(circle, field.scale(10, rest), most, 10)
    return min(10 * thousandths + tenths, 10**DECIMALS)


def _worth(circle: Circle, room: Vector, beyond: Vector, places: int) -> Protocol[Vector]:
    """(1,): the sum of room times what is positive of `beyond`, each divided by 2^places and rounded up."""
    paying = yield from positive(circle, beyond)
    product = yield from multiply(circle, room, (yield from multiply(circle, paying, beyond)))
    if places:
        product = field.negate((yield from truncate(circle, field.negate(product), places)))
    return whole(product)


def _quotient(circle: Circle, dividend: Vector, divisor: Vector, most: int) -> Protocol[int]:
    """floor(dividend / divisor), at most `most`: opened.  `most` for a divisor of zero."""
    multiples = field.multiply(np.arange(1, most + 1, dtype=np.uint64), np.repeat(divisor, most))
    missed = yield from positive(circle, field.subtract(multiples, np.repeat(dividend, most)))
    opened = yield from open_numbers(circle, "share", whole(missed))
    return most - int(opened[0])
