"""Sealed round: what firms have dealt, all of a row and a column, becomes the arcs that are cleared, and goes back.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; any number of firms may lie, each about its own debts.
Rounds      0 of its own: those of confirm, and of bounds where weights, cash or caps are dealt.   Sends the same.
Reveals     nothing.
Follows     steelyard.protocols.confirmation.
Differs     credit lines are confirmed by lender and borrower like debts; the smaller of what the two say counts.
            Of two ages the younger counts.  Whatever is out of bounds becomes the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from steelyard import field as elements
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.confirmation import confirm, off_diagonal
from steelyard.protocols.select import minimum, within
from steelyard.rounds import Protocol
from steelyard.setoff.layout import Layout
from steelyard.setoff.network import AMOUNT_BITS, FULL, MOST_WORTH, Topology
from steelyard.setoff.terms import Terms

Declared = Mapping[int, Mapping[str, Vector]]  # by the firm's number: my shares of the layers that it dealt
Told = Mapping[int, Vector]  # by the firm's number: shares of what it is told
MOST = (1 << AMOUNT_BITS) - 1
_SAVED = 6  # vectors beside the way back


@dataclass(frozen=True, slots=True)
class Gathered:
    """Shares for every arc of the layout; `way` is what leads results back to the firms."""

    layout: Layout
    amounts: Vector = field(repr=False)
    worths: Vector = field(repr=False)
    way: tuple[Vector, ...] = field(repr=False)

    def packed(self) -> list[Vector]:
        """To be saved."""
        topologies = (self.layout.debts, self.layout.lent)
        ends = [end.astype(np.uint64) for each in topologies for end in (each.payers, each.payees)]
        return [*ends, self.amounts, self.worths, *self.way]

    @classmethod
    def unpacked(cls, terms: Terms, saved: list[Vector]) -> Gathered:
        *ends, amounts, worths = saved[:_SAVED]
        debts, lent = (
            Topology(terms.size, *(end.astype(np.int64) for end in ends[at : at + 2])) for at in range(0, len(ends), 2)
        )
        return cls(layout_of(terms, debts, lent), amounts, worths, tuple(saved[_SAVED:]))


def layout_of(terms: Terms, debts: Topology, lent: Topology | None) -> Layout:
    return Layout.of(debts, lent=lent, cash=terms.cash, caps=terms.caps)


def gather(
    circle: Circle, terms: Terms, declared: Declared, smaller: bool, barred: NDArray[np.bool_]
) -> Protocol[Gathered]:
    """`barred` (firms, firms): pairs between which nothing is cleared."""
    # 1. Both sides of every pair.
    said, heard = _both(terms, declared, "payables", "receivables")
    confirmed = yield from confirm(circle, said, heard, smaller)
    allowed = off_diagonal((~barred).astype(np.uint64))
    debts = Topology.complete(terms.size)
    amounts, worths = [elements.multiply(confirmed.amounts, allowed)], [constant(FULL, debts.arcs)]
    # 2. How much a debt counts for.
    if terms.aged:
        younger = yield from minimum(circle, *_both(terms, declared, "payable_worths", "receivable_worths"))
        worths = [(yield from within(circle, younger, MOST_WORTH))]
    # 3. Credit, cash and caps, which clear nothing themselves.
    if terms.credit:
        lines = yield from confirm(circle, *_both(terms, declared, "lends", "borrows"), True)
        amounts.append(lines.amounts)
    if terms.cash or terms.caps:
        amounts.append((yield from offered(circle, terms, declared)))
    layout, together = layout_of(terms, debts, debts if terms.credit else None), np.concatenate(amounts)
    worths.append(constant(0, together.size - debts.arcs))
    return Gathered(layout, together, np.concatenate(worths), (confirmed.agreed,))


def offered(circle: Circle, terms: Terms, declared: Declared) -> Protocol[Vector]:
    """Tenders, acceptances and caps of all firms, one after the other, within their bounds."""
    columns = []
    if terms.cash:
        cash = _rows(terms, declared, "cash", 2)
        columns += [cash[:, 0], cash[:, 1]]
    if terms.caps:
        columns.append(_rows(terms, declared, "cap", 1)[:, 0])
    return (yield from within(circle, np.concatenate(columns), MOST))


def tell(terms: Terms, gathered: Gathered, flow: Vector) -> Told:
    """Of every firm: what is cleared of its row and its column, what both sides agree on, its credit and its cash."""
    size, layout = terms.size, gathered.layout
    credit, tenders, acceptances, caps = layout.starts
    (agreed,) = gathered.way
    tables = [_table(size, flow[:credit]), _table(size, agreed)]
    if terms.credit:
        tables.append(_table(size, flow[credit:tenders]))
    columns = [flow[tenders:acceptances], flow[acceptances:caps]] if terms.cash else []
    return {
        firm: np.concatenate(
            [*(side for table in tables for side in (table[firm], table[:, firm])), *(each[[firm]] for each in columns)]
        )
        for firm in range(size)
    }


def constant(value: int, count: int) -> Vector:
    """A public number is a share of itself."""
    return np.full(count, value, dtype=np.uint64)


def _both(terms: Terms, declared: Declared, own: str, others: str) -> tuple[Vector, Vector]:
    """For every pair what the first of it says, and what the second."""
    said = _rows(terms, declared, own, terms.size)
    heard = _rows(terms, declared, others, terms.size).T
    return off_diagonal(said), off_diagonal(heard)


def _rows(terms: Terms, declared: Declared, layer: str, width: int) -> Vector:
    """(firms, width); zeros of a firm that is not there."""
    table = np.zeros((terms.size, width), dtype=np.uint64)
    for firm, layers in declared.items():
        table[firm] = layers[layer]
    return table


def _table(size: int, values: Vector) -> Vector:
    """(firms, firms) from the arcs of Topology.complete."""
    table = np.zeros(size * size, dtype=np.uint64)
    table[~np.eye(size, dtype=bool).reshape(-1)] = values
    return table.reshape(size, size)
