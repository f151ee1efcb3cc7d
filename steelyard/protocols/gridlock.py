"""Gridlock: which payments of banks' queues settle together by netting, with amounts, payees and funds secret.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      9 or 10 for a pass at k = 2 and 12 besides, 13 and 16 at k = 3; two passes more than those that drop any.
            Sends, at 2-of-3, 47 bytes per party, payment and pass, and 8 per payment and bank.
Reveals     after every pass, whether it dropped any payment, to all participants; the first says whether all settle.
Follows     Bech, Soramaki 2001, first in first out.
Differs     a bank drops as many of its last payments as it must, not one: what others drop only lowers its receipts,
            so all of them would have gone, and the largest set that settles is the same.  Whether a pass dropped any
            is found beside the next pass and opened beside the one after: passes that drop nothing change nothing.

Head-room: a payment is below 2^34 and a bank's funds below 2^44; with 2^20 payments a bank sends and receives less
than 2^54, so no difference reaches 2^59.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from steelyard import field as elements
from steelyard.errors import TimedOut
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import positive, whole
from steelyard.protocols.multiply import multiply, reshare
from steelyard.protocols.open_numbers import open_numbers
from steelyard.protocols.prefix import prefix_sums
from steelyard.protocols.streaming import streamed
from steelyard.rounds import Protocol, batch

MOST_PASSES: Final = 1_000
_NONE: Final = np.zeros(1, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Queued:
    """Shares: of amounts (banks, length), of [the payee is this bank] (banks, length, banks), of funds (banks,)."""

    amounts: Vector = field(repr=False)
    payees: Vector = field(repr=False)
    funds: Vector = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of it; `active`, `positions`, `settled` and `saved` are shares."""

    passes: int  # that dropped payments, opened; none when all settle
    active: Vector = field(repr=False)  # (banks, length): 1 for a payment that settles; for the bank that queued it
    positions: Vector = field(repr=False)  # (banks,): received less paid; for the bank
    settled: Vector = field(repr=False)  # (1,): all that settles
    saved: Vector = field(repr=False)  # (1,): how much less money that takes than paying one by one

    @property
    def at_once(self) -> bool:
        """Whether all payments settle."""
        return not self.passes


def resolve(circle: Circle, queued: Queued, most: int = MOST_PASSES) -> Protocol[Settled]:
    """The largest set of payments that settles while every bank keeps to its order.

    Raises TimedOut when even the pass of number `most` drops payments: then nothing may settle.
    """
    banks, length = queued.amounts.shape
    # 1. What each bank would be paid, by payment; and what it pays up to each payment.
    paid = yield from _paid(circle, queued)
    spent = prefix_sums(queued.amounts).reshape(-1)
    active, dropped, found = np.ones_like(spent), _NONE, None
    for passed in range(-2, most + 1):
        # 2. What it receives of the payments that are left; opened is whether the pass before the last dropped any.
        received, goes_on = yield from _received(circle, paid, active, found)
        if not goes_on:
            return (yield from _outcome(circle, passed, queued, active.reshape(banks, length), received))
        # 3. It pays as far as that and its funds reach; did the last pass drop any?
        means = np.repeat(elements.add(queued.funds, received), length)
        asked = np.concatenate([elements.subtract(spent, means), dropped])
        beyond = yield from positive(circle, asked)
        left = elements.subtract(np.ones_like(active), beyond[:-1])
        found = beyond[-1:] if passed > -2 else None
        active, dropped = left, elements.subtract(whole(active), whole(left))
    raise TimedOut(f"the gridlock was not resolved after {most} passes: ask again with more, or with more funds")


def positions(circle: Circle, queued: Queued) -> Protocol[tuple[Vector, Vector]]:
    """Shares (banks,) of what each bank receives less what it pays if all payments settle; (1,) of what that saves."""
    received = yield from reshare(circle, "received", _offered(queued))
    net = elements.subtract(received, _sums(queued.amounts))
    return net, (yield from _saved(circle, net, whole(received)))


def settles(circle: Circle, queued: Queued) -> Protocol[Vector]:
    """(1,): a share of 1 if every bank's funds and receipts cover all that it has queued, else of 0."""
    received = yield from reshare(circle, "received", _offered(queued))
    means = elements.add(queued.funds, received)
    short = yield from positive(circle, elements.subtract(_sums(queued.amounts), means))
    some = yield from positive(circle, whole(short))
    return elements.subtract(np.ones_like(some), some)


def _paid(circle: Circle, queued: Queued) -> Protocol[Vector]:
    """(banks, payments): what each bank would receive, by payment."""
    banks = queued.funds.size
    sent = np.repeat(queued.amounts.reshape(-1), banks)
    product: Any = multiply  # vectors stream as bits do: instances last
    paid = yield from streamed(circle, product, sent, queued.payees.reshape(-1))
    return paid.reshape(-1, banks).T.copy()


def _received(circle: Circle, paid: Vector, active: Vector, found: Vector | None) -> Protocol[tuple[Vector, bool]]:
    """(banks,): sums over the payments that are left; and what was found, opened: nothing counts as yes."""
    summing = reshare(circle, "received", _dots(paid, [active] * len(paid)))
    if found is None:
        return (yield from summing), True
    received, opened = yield from batch([summing, open_numbers(circle, "dropped", found)])
    return received, bool(opened[0])


def _dots(rows: Vector, others: Sequence[Vector]) -> Vector:
    """(rows,): the sums of the products of each row with another.  Local, of degree up to 2k-2."""
    return np.array([elements.dot(row, other) for row, other in zip(rows, others, strict=True)], dtype=np.uint64)


def _offered(queued: Queued) -> Vector:
    """(banks,): what each bank would receive of all payments.  Local, of degree up to 2k-2."""
    payees = queued.payees.reshape(-1, queued.funds.size)
    return _dots(payees.T.copy(), [queued.amounts.reshape(-1)] * queued.funds.size)


def _sums(rows: Vector) -> Vector:
    """(rows,).  Local."""
    return _dots(rows, list(np.ones_like(rows)))


def _outcome(circle: Circle, passes: int, queued: Queued, active: Vector, received: Vector) -> Protocol[Settled]:
    paid = yield from reshare(circle, "paid", _dots(queued.amounts, list(active)))
    net, gross = elements.subtract(received, paid), whole(received)
    return Settled(passes, active, net, gross, (yield from _saved(circle, net, gross)))


def _saved(circle: Circle, net: Vector, gross: Vector) -> Protocol[Vector]:
    """What is paid, less what those need who pay more than they receive."""
    below = yield from positive(circle, elements.negate(net))
    owed = yield from reshare(circle, "owed", np.array([elements.dot(below, elements.negate(net))], dtype=np.uint64))
    return elements.subtract(gross, owed)
