"""Gridlock: which payments of banks' queues settle together by netting, with amounts, payees and funds secret.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      16 for a pass at k = 2 and 11 besides, 23 and 15 at k = 3; passes are few, for every bank drops all it
            must at once.   Sends, at 2-of-3, 47 bytes per party, payment and pass, and 8 per payment and bank.
Reveals     after every pass, whether all banks can pay what is left of their queues, to all participants; the first
            says whether all payments settle.
Follows     Bech, Soramaki 2001, first in first out.
Differs     a bank drops as many of its last payments as it must, not one: what others drop only lowers its receipts,
            so all of them would have gone, and the largest set that settles is the same.

Head-room: a payment is below 2^34 and a bank's funds below 2^44; with 2^20 payments a bank sends and receives less
than 2^54, so no difference reaches 2^59.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from steelyard import field as elements
from steelyard.field import Vector
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.bits import open_bits
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import positive, whole
from steelyard.protocols.compare import negative
from steelyard.protocols.multiply import multiply, reshare
from steelyard.protocols.prefix import prefix_sums
from steelyard.rounds import Protocol


@dataclass(frozen=True, slots=True)
class Queued:
    """Shares: of amounts (banks, length), of [the payee is this bank] (banks, length, banks), of funds (banks,)."""

    amounts: Vector = field(repr=False)
    payees: Vector = field(repr=False)
    funds: Vector = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of it; `active`, `positions`, `settled` and `saved` are shares."""

    at_once: bool  # all payments settle, opened
    active: Vector = field(repr=False)  # (banks, length): 1 for a payment that settles; for the bank that queued it
    positions: Vector = field(repr=False)  # (banks,): received less paid; for the bank
    settled: Vector = field(repr=False)  # (1,): all that settles
    saved: Vector = field(repr=False)  # (1,): how much less money that takes than paying one by one


def resolve(circle: Circle, queued: Queued) -> Protocol[Settled]:
    """The largest set of payments that settles while every bank keeps to its order."""
    banks, length = queued.amounts.shape
    flat = queued.amounts.reshape(-1)
    # 1. What each bank would be paid, by payment; and what it pays up to each payment.
    sent = np.repeat(flat, banks)
    paid = (yield from multiply(circle, sent, queued.payees.reshape(-1))).reshape(-1, banks).T.copy()
    spent = prefix_sums(queued.amounts).reshape(-1)
    active, left, at_once = np.ones_like(flat), None, True
    while True:
        # 2. What it receives of the payments that are left.
        received = yield from _received(circle, paid, active)
        # 3. It pays as far as that and its funds reach.
        means = np.repeat(elements.add(queued.funds, received), length)
        short = yield from positive(circle, elements.subtract(spent, means))
        active = elements.subtract(np.ones_like(short), short)
        # 4. Until nobody drops any more.
        count = whole(active)
        if left is None:
            left = np.full(1, active.size, dtype=np.uint64)
        if not (yield from _fewer(circle, left, count)):
            break
        left, at_once = count, False
    positions = elements.subtract(received, (yield from _paid(circle, queued.amounts, active)))
    return (yield from _outcome(circle, at_once, active.reshape(banks, length), positions, received))


def _received(circle: Circle, paid: Vector, active: Vector) -> Protocol[Vector]:
    """(banks,): sums over all payments."""
    return (yield from reshare(circle, "received", _dots(paid, [active] * len(paid))))


def _paid(circle: Circle, amounts: Vector, active: Vector) -> Protocol[Vector]:
    return (yield from reshare(circle, "paid", _dots(amounts, list(active.reshape(amounts.shape)))))


def _dots(rows: Vector, others: Sequence[Vector]) -> Vector:
    """(rows,): the sums of the products of each row with another.  Local, of degree up to 2k-2."""
    return np.array([elements.dot(row, other) for row, other in zip(rows, others, strict=True)], dtype=np.uint64)


def _fewer(circle: Circle, before: Vector, now: Vector) -> Protocol[bool]:
    """Whether some payment was dropped: opened."""
    bit = yield from negative(circle, elements.subtract(now, before))
    opened = yield from open_bits(circle, "dropped", bit)
    return bool(int(opened[0, 0]) & 1)


def _outcome(circle: Circle, at_once: bool, active: Vector, positions: Vector, received: Vector) -> Protocol[Settled]:
    below = yield from to_field(circle, (yield from negative(circle, positions)), positions.size)
    owed = yield from multiply(circle, below[0], elements.negate(positions))
    gross = whole(received)
    return Settled(at_once, active, positions, gross, elements.subtract(gross, whole(owed)))
