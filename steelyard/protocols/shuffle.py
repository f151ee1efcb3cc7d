"""Shuffling: rows of shared columns in a new order that no k-1 parties know anything about.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      2 at 2-of-n, 5 at 3-of-5, 11 at 4-of-7, 29 at 5-of-9.   Sends per element and party 11 bytes at 2-of-3,
            24 at 3-of-5, 55 at 4-of-7, 132 at 5-of-9 (6 of 11 and smaller; else steelyard.protocols.switching).
Reveals     nothing.
Follows     Laur, Willemson, Zhang 2011: groups of k parties permute in turn, each in an order of its own.
Differs     between two turns nothing is shared anew.  The secret is a sum of k parts, and groups that follow each other
            differ in one party: only its part travels (steelyard.sharing.relay), masked by streams that it shares with
            each of the k-1 who stay, of whom one at least is honest when its successor is not.  Parts travel at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steelyard import field
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.ids import PartyId
from steelyard.protocols.circle import Circle
from steelyard.protocols.disputes import blaming
from steelyard.protocols.multiply import deal_values
from steelyard.protocols.switching import switch
from steelyard.randomness import KEY_BYTES, Keystream, Randomness, token
from steelyard.rounds import Protocol, Round
from steelyard.sharing.random_order import random_order
from steelyard.sharing.relay import Leg, covered, legs, passes
from steelyard.sharing.shamir import lagrange


def shuffle(circle: Circle, *columns: Vector) -> Protocol[list[Vector]]:
    """Fresh shares of the columns, which are of one length; all are permuted alike."""
    if not columns or len({column.size for column in columns}) != 1:
        raise Invalid("columns that are shuffled together are of one length")
    if columns[0].size < 2:
        return list(columns)
    table = np.stack(columns)
    if not covered(circle.n, circle.threshold):
        return list((yield from switch(circle, table)))
    # 1. The holders of every pass agree on an order.
    orders = yield from _orders(circle)
    # 2. Parts that add up to the secret travel; wherever they stay they are permuted.
    part = yield from _relay(circle, table, orders)
    # 3. The last holders deal theirs.
    last = [circle.parties[position - 1] for position in passes(circle.n, circle.threshold)[-1]]
    dealt = yield from deal_values(circle, "shuffled", last, part, table.size)
    return list(field.total(list(dealt.values())).reshape(table.shape))


def _relay(circle: Circle, table: Vector, orders: Mapping[int, Randomness]) -> Protocol[Vector | None]:
    """The part that I hold at the end."""
    ways = legs(circle.n, circle.threshold)
    me, held = circle.position(circle.me), {}
    for part, way in enumerate(ways):
        if way[0].holder == me:
            held[part] = _permuted(circle, _first_part(circle, table), way[0], orders)
    for hop in range(1, max(map(len, ways))):
        travelling = {part: way[hop - 1 : hop + 1] for part, way in enumerate(ways) if hop < len(way)}
        arrived = yield from _hand_over(circle, travelling, held, table.shape)
        for part, rows in arrived.items():
            held[part] = _permuted(circle, rows, travelling[part][1], orders)
    return next((held[part].reshape(-1) for part, way in enumerate(ways) if way[-1].holder == me), None)


def _first_part(circle: Circle, table: Vector) -> Vector:
    """My weighted share: those of the first holders add up to the secret."""
    points = [circle.points[circle.parties[position - 1]] for position in passes(circle.n, circle.threshold)[0]]
    weight = lagrange(points)[points.index(circle.points[circle.me])]
    return field.scale(weight, table.reshape(-1)).reshape(table.shape)


def _hand_over(
    circle: Circle, travelling: Mapping[int, tuple[Leg, ...]], held: dict[int, Vector], shape: tuple[int, ...]
) -> Protocol[dict[int, Vector]]:
    """The parts that come to me."""
    leaving: dict[PartyId, list[int]] = {}
    coming: dict[PartyId, list[int]] = {}
    for part, (before, after) in travelling.items():
        if before.holder == circle.position(circle.me):
            leaving.setdefault(circle.parties[after.holder - 1], []).append(part)
        if after.holder == circle.position(circle.me):
            coming.setdefault(circle.parties[before.holder - 1], []).append(part)
    messages = {to: b"".join(to_bytes(held.pop(part).reshape(-1)) for part in parts) for to, parts in leaving.items()}
    received = yield Round("shuffle", messages, frozenset(coming))
    arrived: dict[int, Vector] = {}
    for sender, parts in coming.items():
        with blaming(sender):
            vectors = from_bytes(received[sender], len(parts) * shape[0] * shape[1])
        arrived |= zip(parts, vectors.reshape(-1, *shape), strict=True)
    return arrived


def _permuted(circle: Circle, rows: Vector, leg: Leg, orders: Mapping[int, Randomness]) -> Vector:
    """My part after my passes, each with its order and its mask."""
    for at in range(leg.first, leg.last + 1):
        rows = _masked(circle, rows[:, random_order(orders[at], rows.shape[1])], at)
    return rows


def _masked(circle: Circle, rows: Vector, at: int) -> Vector:
    """The one who leaves after a pass adds a mask for each who stays, who deducts it: the parts' sum is the same."""
    way = passes(circle.n, circle.threshold)
    if at + 1 == len(way):
        return rows
    (leaver,) = (circle.parties[position - 1] for position in set(way[at]) - set(way[at + 1]))
    stayers = [circle.parties[position - 1] for position in way[at] if position in way[at + 1]]
    vector = rows.reshape(-1)
    if circle.me != leaver:
        stream = circle.stream(f"mask {at}", leaver, frozenset({circle.me}))
        return field.subtract(vector, field.uniform(stream, vector.size)).reshape(rows.shape)
    streams = [circle.stream(f"mask {at}", leaver, frozenset({stayer})) for stayer in stayers]
    return field.total([vector, *(field.uniform(stream, vector.size) for stream in streams)]).reshape(rows.shape)


def _orders(circle: Circle) -> Protocol[Mapping[int, Randomness]]:
    """For each of my passes the stream that its order comes from: two holders have one in common, of more one deals."""
    way = [[circle.parties[position - 1] for position in holders] for holders in passes(circle.n, circle.threshold)]
    mine = {at: holders for at, holders in enumerate(way) if circle.me in holders}
    if circle.threshold == 2:
        return {at: circle.stream(f"order {at}", one, frozenset({other})) for at, (one, other) in mine.items()}
    led = {leader: [at for at, holders in mine.items() if holders[0] == leader] for leader in circle.parties}
    seeds = {at: token(KEY_BYTES) for at in led.pop(circle.me)}
    messages = {to: b"".join(seed for at, seed in seeds.items() if to in way[at]) for to in circle.others}
    hear = frozenset(leader for leader, turns in led.items() if turns)
    received = yield Round("orders", {to: message for to, message in messages.items() if message}, hear)
    for leader in hear:
        with blaming(leader):
            seeds |= zip(led[leader], _split(received[leader], len(led[leader])), strict=True)
    return {at: Keystream(seed) for at, seed in seeds.items()}


def _split(message: bytes | bytearray, count: int) -> list[bytes]:
    if len(message) != KEY_BYTES * count:
        raise Malformed("another number of seeds than of orders")
    return [bytes(message[KEY_BYTES * i : KEY_BYTES * (i + 1)]) for i in range(count)]
