"""Seeded dealing: k-1 receivers expand their share from a key, the others are sent theirs.

Parties      a dealer who is one of the n parties and knows the secret; every party ends with one share
Knows        each seeded receiver shares a one-time stream key with the dealer
Guarantees   a Shamir sharing of degree k-1.  Stream keys are pseudorandom and independent of the secret, so any k-1
             receivers see what they see in plain Shamir, up to distinguishing AES-256-CTR from random
Costs        n-k vectors sent, no round of its own
Reference    R. Cramer, I. Damgard, Y. Ishai, TCC 2005 (pseudorandom sharing), used here per dealing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from steelyard.errors import Invalid
from steelyard.field import Vector, extrapolate, uniform
from steelyard.ids import PartyId
from steelyard.randomness import Keystream, Randomness
from steelyard.sharing.shamir import check_points, check_threshold, lagrange


@dataclass(frozen=True)
class Dealing:
    """The dealer's own share, and those to be sent; neither is printed."""

    own: Vector = field(repr=False)
    explicit: dict[PartyId, Vector] = field(repr=False)


def seeded_receivers(dealer: PartyId, parties: Sequence[PartyId], threshold: int) -> tuple[PartyId, ...]:
    """The k-1 parties after the dealer, in the order of names and around the end: each is seeded by k-1 dealers.

    The order in which `parties` come does not matter, so all parties agree.
    """
    return _seeded_receivers(dealer, tuple(parties), threshold)


@lru_cache(maxsize=1024)
def _seeded_receivers(dealer: PartyId, parties: tuple[PartyId, ...], threshold: int) -> tuple[PartyId, ...]:
    ring = sorted(parties)
    check_threshold(threshold, len(ring))
    if len(set(ring)) != len(ring) or dealer not in ring:
        raise Invalid("a dealer deals to distinct parties and is one of them")
    after = ring.index(dealer) + 1
    return tuple((ring + ring)[after : after + threshold - 1])


def deal(
    secret: Vector,
    dealer: PartyId,
    points: Mapping[PartyId, int],
    threshold: int,
    stream_keys: Mapping[PartyId, bytes],
) -> Dealing:
    """Shares `secret` among the parties in `points`; `stream_keys` has one key for each of the seeded receivers.

    Raises Invalid when the keys are not those of the seeded receivers, or two of them are equal.
    """
    if len(set(stream_keys.values())) != len(stream_keys):
        raise Invalid("a dealing takes one key of its own for each seeded receiver")
    streams = {party: Keystream(key) for party, key in stream_keys.items()}
    return deal_from(secret, dealer, points, threshold, streams)


def deal_from(
    secret: Vector,
    dealer: PartyId,
    points: Mapping[PartyId, int],
    threshold: int,
    streams: Mapping[PartyId, Randomness],
) -> Dealing:
    """As `deal`, from streams that stand where both sides have left them."""
    seeded, targets, weights = _plan(dealer, tuple(points.items()), threshold)
    if streams.keys() != set(seeded):
        raise Invalid("a dealing takes one key of its own for each seeded receiver")
    shares = extrapolate(secret, [streams[each] for each in seeded], weights)
    return Dealing(own=shares[0], explicit=dict(zip(targets[1:], shares[1:], strict=True)))


@lru_cache(maxsize=1024)
def _plan(
    dealer: PartyId, named: tuple[tuple[PartyId, int], ...], threshold: int
) -> tuple[tuple[PartyId, ...], tuple[PartyId, ...], tuple[tuple[int, ...], ...]]:
    """The seeded receivers; the dealer and all others; the weights of the streams in the shares of these."""
    points = dict(named)
    check_points(list(points.values()))
    seeded = seeded_receivers(dealer, list(points), threshold)
    targets = (dealer, *(each for each in points if each != dealer and each not in seeded))
    known = [0, *(points[each] for each in seeded)]
    return seeded, targets, tuple(tuple(lagrange(known, points[each])[1:]) for each in targets)


def expand(key: bytes, count: int) -> Vector:
    """A seeded receiver's share of `count` elements."""
    return uniform(Keystream(key), count)
