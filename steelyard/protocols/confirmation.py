"""Confirmation: both sides of every debt say how much it is, and what they agree on takes part; nothing is opened.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; what two firms say together counts as owed.
Rounds      18 for k = 2, 26 for k = 3; 26 and 38 where the smaller counts.   Sends, at 2-of-3, 189 or 240 bytes per
            party and pair of firms.
Reveals     nothing: whether a debt was confirmed, its two firms learn in their notices.
Follows     double ascertainment, as multilateral set-off requires.
Differs     each firm deals a row (what it owes to everybody) and a column (what everybody owes to it), zeros included,
            so no tag or hash is compared and nobody learns who deals with whom.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steelyard import field as elements
from steelyard.field import Vector
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import positive
from steelyard.protocols.compare import equal
from steelyard.protocols.multiply import multiply
from steelyard.protocols.select import minimum
from steelyard.rounds import Protocol
from steelyard.setoff.network import AMOUNT_BITS


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Shares, for every arc, of the amount that takes part, and of 1 where both sides said the same."""

    amounts: Vector = field(repr=False)
    agreed: Vector = field(repr=False)


def confirm(circle: Circle, said: Vector, heard: Vector, smaller: bool = False) -> Protocol[Confirmed]:
    """`said` is the debtor's amount of every arc, `heard` the creditor's.

    Where they differ, nothing takes part; or what both say at least, if policy takes the `smaller`.
    """
    # 1. Do the two say the same?
    same = yield from equal(circle, said, heard)
    agreed = (yield from to_field(circle, same, said.size))[0]
    # 2. Is it an amount at all?  Far below zero a difference turns round, so that both bits are set.
    amounts = (yield from minimum(circle, said, heard)) if smaller else said
    most, ones = np.full(said.size, (1 << AMOUNT_BITS) - 1, dtype=np.uint64), np.ones_like(said)
    outside = yield from positive(circle, np.concatenate([elements.negate(amounts), elements.subtract(amounts, most)]))
    not_below, not_above = (elements.subtract(ones, each) for each in np.split(outside, 2))
    # 3. Then it takes part.
    part = ones if smaller else agreed
    both = yield from multiply(circle, np.concatenate([part, amounts]), np.concatenate([not_below, not_above]))
    part, amounts = np.split(both, 2)
    return Confirmed((yield from multiply(circle, part, amounts)), agreed)


def off_diagonal(table: Vector) -> Vector:
    """(firms * (firms - 1),): the arcs of Topology.complete from a table (debtors, creditors).  Local."""
    arcs: Vector = table.reshape(-1)[~np.eye(len(table), dtype=bool).reshape(-1)]
    return arcs
