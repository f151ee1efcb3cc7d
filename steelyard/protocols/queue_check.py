"""Queue check: whether what banks dealt are queues of payments: amounts and funds in range, one payee each, not itself.

Model       semi-honest nodes, at most k-1 of n >= 2k-1; banks that deal what they like.
Rounds      9 or 10 at k = 2, 13 at k = 3.   Sends two comparisons a payment, and three numbers a bank.
Reveals     to all participants, of each bank: zeros if its queue is one; else how many amounts are out of range, and a
            random number.
Follows     batch verification by random combinations (Bellare, Garay, Rabin 1998).
Differs     all bits and sums of a bank are checked as one number, combined with the hash of what was dealt: a wrong one
            passes with probability 2^-60.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from steelyard import field as elements
from steelyard.errors import Cheated
from steelyard.field import Vector
from steelyard.ids import PartyId
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import negative
from steelyard.protocols.gridlock import Queued
from steelyard.protocols.multiply import reshare
from steelyard.protocols.open_numbers import open_numbers
from steelyard.randomness import Keystream
from steelyard.rounds import Protocol, batch
from steelyard.setoff.network import AMOUNT_BITS
from steelyard.setoff.queues import BALANCE_BITS

_SIDES: Final = 2


def check_queues(circle: Circle, queued: Queued, banks: tuple[PartyId, ...], challenge: bytes) -> Protocol[None]:
    """`challenge`: 32 bytes that nobody knew before everything was dealt.  Raises Cheated, naming banks."""
    # 1. What is out of range, and what is no choice of one payee.
    outside, wrong = yield from batch([_outside(circle, queued), _unchosen(circle, queued, challenge)])
    # 2. Nothing, unless a bank dealt something else than a queue.
    opened = yield from open_numbers(circle, "queues", np.concatenate([outside, wrong]))
    found = np.logical_or(*opened.reshape(2, len(banks)))
    if found.any():
        culprits = [bank for bank, bad in zip(banks, found, strict=True) if bad]
        text = "what these banks dealt is no queue of payments between the banks named: they must contribute again"
        raise Cheated(text, culprits=culprits)


def _outside(circle: Circle, queued: Queued) -> Protocol[Vector]:
    """(banks,): how many amounts and funds are below zero or too large."""
    banks, length = queued.amounts.shape
    values = np.concatenate([queued.amounts.reshape(-1), queued.funds])
    most = np.repeat(
        np.array([(1 << AMOUNT_BITS) - 1, (1 << BALANCE_BITS) - 1], dtype=np.uint64), [banks * length, banks]
    )
    bits = yield from negative(circle, np.concatenate([values, elements.subtract(most, values)]))
    flags = (yield from to_field(circle, bits, _SIDES * values.size)).reshape(_SIDES, -1)
    both = elements.add(flags[0], flags[1])
    amounts = both[: banks * length].reshape(banks, length)
    return elements.add(_dots(amounts, np.ones_like(amounts)), both[banks * length :])


def _unchosen(circle: Circle, queued: Queued, challenge: bytes) -> Protocol[Vector]:
    """(banks,): zero if every payee is a bit, one of each payment's is set, and never the payer's own."""
    banks, length = queued.amounts.shape
    payees = queued.payees.reshape(banks, -1)
    stream = Keystream(challenge)
    bits, rows, own = (elements.uniform(stream, size) for size in (payees.size, banks * length, banks * length))
    # sum of bits[r,j] (h[r,j]^2 - h[r,j]) + rows[r] (sum_j h[r,j] - 1) + own[r] h[r,payer]
    squares = elements.subtract(elements.multiply(payees.reshape(-1), payees.reshape(-1)), payees.reshape(-1))
    linear = np.repeat(rows, banks).reshape(banks, length, banks)
    payer = np.arange(banks)
    linear[payer, :, payer] = elements.add(
        linear[payer, :, payer].reshape(-1), own.reshape(banks, length).reshape(-1)
    ).reshape(banks, length)
    products = elements.add(
        _dots(squares.reshape(banks, -1), bits.reshape(banks, -1)), _dots(payees, linear.reshape(banks, -1))
    )
    least = _dots(rows.reshape(banks, length), np.ones((banks, length), dtype=np.uint64))
    return (yield from reshare(circle, "payees", elements.subtract(products, least)))


def _dots(rows: Vector, others: Vector) -> Vector:
    pairs = zip(rows, others, strict=True)
    return np.array([elements.dot(row, other) for row, other in pairs], dtype=np.uint64)
