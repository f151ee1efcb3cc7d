"""Liquidity: cash that goes round with the debts, so that more is cleared than without.

A source pays what is tendered to firms; cash ends where it is accepted, and goes back to the source.  A credit line
lets one firm pay another what it does not owe.  None of these arcs clears a debt, so they are worth nothing; every
circle of debts that cash closes is worth its debts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from steelyard.setoff.network import Amounts, Network, Topology


@dataclass(frozen=True)
class Liquidity:
    """By number of the firm; credit by lender and borrower."""

    tenders: Mapping[int, int] = field(default_factory=dict, repr=False)
    acceptances: Mapping[int, int] = field(default_factory=dict, repr=False)
    credit: Mapping[tuple[int, int], int] = field(default_factory=dict, repr=False)

    def added_to(self, network: Network) -> Network:
        """With the source as one more firm, the last, and arcs for cash and credit behind those for debts."""
        source = network.topology.firms
        arcs = [
            *((source, firm, amount) for firm, amount in sorted(self.tenders.items())),
            *((firm, source, amount) for firm, amount in sorted(self.acceptances.items())),
            *((lender, borrower, amount) for (lender, borrower), amount in sorted(self.credit.items())),
        ]
        new = np.array(arcs, dtype=np.int64).reshape(-1, 3)
        topology = Topology(
            source + 1,
            np.concatenate([network.topology.payers, new[:, 0]]),
            np.concatenate([network.topology.payees, new[:, 1]]),
        )
        worths = np.concatenate([network.worths, np.zeros(len(new), dtype=np.int64)])
        return Network(topology, np.concatenate([network.amounts, new[:, 2]]), worths)


def offered(network: Network, share: Fraction) -> Liquidity:
    """Every net debtor is tendered this share of its net debt, and every net creditor accepts what it is owed net."""
    position = network.imbalance(network.amounts)
    tenders = {firm: int(-net * share) for firm, net in enumerate(position.tolist()) if net < 0}
    return Liquidity(tenders, {firm: net for firm, net in enumerate(position.tolist()) if net > 0})


def cash_used(network: Network, flow: Amounts) -> int:
    """What leaves the source, the last firm."""
    return int(flow[network.topology.payers == network.topology.firms - 1].sum())


def per_unit(with_cash: int, without: int, cash: int) -> Fraction | None:
    """How much more debt is cleared for every unit of cash."""
    return Fraction(with_cash - without, cash) if cash else None
