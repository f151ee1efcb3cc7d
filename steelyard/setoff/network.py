"""`Network`: who owes whom how much, as arcs; its largest circulation is what can be set off."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid

AMOUNT_BITS: Final = 34  # of what one firm owes another, in minor units
FULL: Final = 16  # the worth of a debt that counts in full: worths are sixteenths
MOST_WORTH: Final = 4 * FULL

Amounts = NDArray[np.int64]


@dataclass(frozen=True)
class Topology:
    """Arcs from payer to payee, both numbers below `firms`.  In sealed mode all pairs, so that it says nothing."""

    firms: int
    payers: Amounts = field(repr=False)
    payees: Amounts = field(repr=False)

    def __post_init__(self) -> None:
        if self.payers.shape != self.payees.shape or self.payers.ndim != 1:
            raise Invalid("every arc has a payer and a payee")
        ends = np.concatenate([self.payers, self.payees])
        if ends.size and not 0 <= ends.min() <= ends.max() < self.firms:
            raise Invalid("an arc leads from a firm to a firm of the network")
        if (self.payers == self.payees).any():
            raise Invalid("nobody owes anything to itself")

    @classmethod
    def complete(cls, firms: int) -> Topology:
        """All ordered pairs, row by row: what tells nothing about who owes whom."""
        payers, payees = np.divmod(np.arange(firms * firms, dtype=np.int64), max(firms, 1))
        apart = payers != payees
        return cls(firms, payers[apart], payees[apart])

    @property
    def arcs(self) -> int:
        return int(self.payers.size)

    @cached_property
    def outgoing(self) -> Segments:
        return Segments(self.payers, self.firms)

    @cached_property
    def incoming(self) -> Segments:
        return Segments(self.payees, self.firms)

    @cached_property
    def ways(self) -> Segments:
        """The ways out of an imbalance, by firm: its payables could rise, its receivables fall.

        Way i below `arcs` is arc i at its payer, way `arcs` + i the same at its payee.
        """
        return Segments(np.concatenate([self.payers, self.payees]), self.firms)


class Segments:
    """Items grouped by firm: `order` lists them firm by firm, those of firm v from starts[v] to starts[v + 1]."""

    def __init__(self, owners: Amounts, firms: int) -> None:
        self.owners = owners
        self.order = np.argsort(owners, kind="stable")
        self.starts = np.searchsorted(owners[self.order], np.arange(firms + 1))

    def sums(self, values: Amounts) -> Amounts:
        """The sum of the items of every firm."""
        running = np.concatenate([np.zeros(1, dtype=values.dtype), np.cumsum(values[self.order])])
        totals: Amounts = running[self.starts[1:]] - running[self.starts[:-1]]
        return totals


@dataclass(frozen=True)
class Network:
    """A topology with what is owed on every arc, and what clearing it is worth, in sixteenths."""

    topology: Topology
    amounts: Amounts = field(repr=False)
    worths: Amounts = field(repr=False)

    def __post_init__(self) -> None:
        if not self.amounts.shape == self.worths.shape == self.topology.payers.shape:
            raise Invalid("every arc has an amount and a worth")
        if self.amounts.size and not 0 <= self.amounts.min() <= self.amounts.max() < 1 << AMOUNT_BITS:
            raise Invalid(
                f"between two firms stand at most {1 << AMOUNT_BITS:,} minor units; split the round or the currency"
            )
        if np.abs(self.worths).max(initial=0) > MOST_WORTH:
            raise Invalid(f"a debt is worth at most {MOST_WORTH // FULL} times its amount")

    @classmethod
    def of(cls, firms: int, payers: Amounts, payees: Amounts, amounts: Amounts) -> Network:
        """Every debt counts in full."""
        return cls(Topology(firms, payers, payees), amounts, np.full(amounts.size, FULL, dtype=np.int64))

    def sealed(self) -> Network:
        """The same in the complete topology; arcs of one pair must have been added up."""
        complete = Topology.complete(self.topology.firms)
        here = self.topology
        cells = here.payers * (here.firms - 1) + here.payees - (here.payees > here.payers)
        if np.unique(cells).size != cells.size:
            raise Invalid("debts of one pair are added up before they are put into a matrix")
        amounts, worths = np.zeros((2, complete.arcs), dtype=np.int64)
        amounts[cells], worths[cells] = self.amounts, self.worths
        return Network(complete, amounts, worths)

    def imbalance(self, flow: Amounts) -> Amounts:
        """For every firm, what `flow` lets it receive less what it lets it pay."""
        return self.topology.incoming.sums(flow) - self.topology.outgoing.sums(flow)

    def internal_debt(self, flow: Amounts | None = None) -> int:
        """Net internal debt: the least cash that settles everything, before set-off or after `flow` has been."""
        left = self.amounts if flow is None else self.amounts - flow
        return int(np.maximum(self.imbalance(left), 0).sum())
