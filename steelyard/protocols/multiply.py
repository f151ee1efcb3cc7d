"""Multiplication: products of shared vectors, and inner products, as shares again.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      1.   Sends n-k elements per product, or per whole inner product.
Reveals     nothing.
Follows     Gennaro, Rabin, Rabin 1998: 2k-1 parties deal their weighted local products anew, all add what they get.
Differs     dealings are seeded (steelyard.sharing.seeded), so one element is sent per product at 2-of-3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import Vector, from_bytes, to_bytes, total
from steelyard.ids import PartyId
from steelyard.protocols.circle import Circle
from steelyard.protocols.disputes import blaming
from steelyard.randomness import Keystream
from steelyard.rounds import Protocol, Round
from steelyard.sharing import seeded
from steelyard.sharing.shamir import lagrange


def multiply(circle: Circle, a: Vector, b: Vector, step: str = "multiply") -> Protocol[Vector]:
    """Shares of the products a[i] * b[i]."""
    return (yield from reshare(circle, step, field.multiply(a, b)))


def inner_product(circle: Circle, pairs: Sequence[tuple[Vector, Vector]], step: str = "inner") -> Protocol[Vector]:
    """Shares of the sum of the products of these pairs of vectors, position by position."""
    if not pairs:
        raise Invalid("an inner product takes at least one pair")
    return (yield from reshare(circle, step, total([field.multiply(a, b) for a, b in pairs])))


def reshare(circle: Circle, step: str, product: Vector) -> Protocol[Vector]:
    """Shares of degree k-1 of what `product` are shares of, of degree at most 2k-2."""
    return (yield from add_dealt(circle, step, local_product(circle, product), product.size))


def local_product(circle: Circle, product: Vector, dealers: tuple[PartyId, ...] = ()) -> Vector | None:
    """My part of what `product` are shares of, of degree at most 2k-2: those of all multipliers add up to it."""
    dealers = dealers or circle.multipliers
    return _weighted(circle, dealers, product) if circle.me in dealers else None


def part_of(circle: Circle, a: Vector) -> Vector:
    """My part, as an adder, of what `a` are shares of: those of all adders add up to it."""
    return _weighted(circle, circle.adders, a)


def add_dealt(
    circle: Circle, step: str, mine: Vector | None, length: int, dealers: tuple[PartyId, ...] = ()
) -> Protocol[Vector]:
    """Shares of the sum of what all multipliers deal."""
    dealt = yield from deal_values(circle, step, dealers or circle.multipliers, mine, length)
    circle.turn()
    return total(list(dealt.values()))


def _weighted(circle: Circle, parties: tuple[PartyId, ...], share: Vector) -> Vector:
    weights = lagrange([circle.points[party] for party in parties])
    return field.scale(weights[parties.index(circle.me)], share)


def deal_values(
    circle: Circle, step: str, dealers: Sequence[PartyId], mine: Vector | None, length: int
) -> Protocol[Mapping[PartyId, Vector]]:
    """My share of the vector of each dealer, in the order of `dealers`; `mine` is a dealer's own."""
    # 1. Deal mine: k-1 receivers expand theirs, the others are sent it.
    ways = circle.once(("ways", tuple(dealers)), lambda: _ways(circle, dealers))
    shares: dict[PartyId, Vector] = {}
    messages: dict[PartyId, bytes] = {}
    if circle.me in dealers:
        if mine is None or mine.size != length:
            raise Invalid("a dealer deals as many values as were announced")
        dealing = seeded.deal_from(mine, circle.me, circle.points, circle.threshold, ways.to)
        shares[circle.me] = dealing.own
        messages = {to: to_bytes(share) for to, share in dealing.explicit.items()}
    received = yield Round(step, messages, ways.hears)
    # 2. Take what was dealt to me.
    for dealer, stream in ways.known.items():
        shares[dealer] = field.uniform(stream, length)
    for dealer in ways.hears:
        with blaming(dealer):
            shares[dealer] = from_bytes(received[dealer], length)
    return {dealer: shares[dealer] for dealer in dealers}


@dataclass(frozen=True, slots=True)
class _Ways:
    """The streams of a dealing to those I seed, and of those who seed me; from whom else I hear."""

    to: Mapping[PartyId, Keystream]
    known: Mapping[PartyId, Keystream]
    hears: frozenset[PartyId]


def _ways(circle: Circle, dealers: Sequence[PartyId]) -> _Ways:
    def seeds(dealer: PartyId) -> tuple[PartyId, ...]:
        return seeded.seeded_receivers(dealer, circle.parties, circle.threshold)

    me, others = circle.me, [dealer for dealer in dealers if dealer != circle.me]
    to = {each: circle.stream("values", me, frozenset({each})) for each in (seeds(me) if me in dealers else ())}
    known = {each: circle.stream("values", each, frozenset({me})) for each in others if me in seeds(each)}
    return _Ways(to, known, frozenset(others) - known.keys())
