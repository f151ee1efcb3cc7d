"""`Layout`: which arcs a round has: debts first, then credit lines, cash and caps.  It is public."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steelyard.setoff.network import Topology


@dataclass(frozen=True)
class Layout:
    """`debts` is the topology of what firms owe each other, `lent` of credit; `topology` has all arcs, debts first.

    Cash comes from a source, one more firm; a firm with a cap is paid as one and pays as another, with an arc between.
    """

    debts: Topology = field(repr=False)
    lent: Topology = field(repr=False)
    topology: Topology = field(repr=False)
    cash: int  # firms with an arc from the source and another to it
    caps: int

    @classmethod
    def of(cls, debts: Topology, *, lent: Topology | None = None, cash: bool = False, caps: bool = False) -> Layout:
        """`lent` are the credit lines, from lender to borrower."""
        firms = debts.firms
        lent = lent or Topology(firms, *np.zeros((2, 0), dtype=np.int64))
        own = np.arange(firms, dtype=np.int64)
        some = own if cash else own[:0]
        source = np.full(some.size, firms, dtype=np.int64)
        payers = np.concatenate([debts.payers, lent.payers, source, some])
        payees = np.concatenate([debts.payees, lent.payees, some, source])
        count = firms + cash
        if caps:
            paying = np.concatenate([own + count, np.full(int(cash), firms, dtype=np.int64)])
            payers, payees = np.concatenate([paying[payers], own]), np.concatenate([payees, paying[own]])
        whole = Topology(count + firms * caps, payers, payees)
        return cls(debts, lent, whole, some.size, firms * caps)

    @property
    def starts(self) -> tuple[int, int, int, int]:
        """Where credit, tenders, acceptances and caps begin among the arcs."""
        credit = self.debts.arcs
        tenders = credit + self.lent.arcs
        return credit, tenders, tenders + self.cash, tenders + 2 * self.cash
