"""`Book`: the obligations of one round, added up by pair of firms, as a network; and what a flow means for each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np

from steelyard.errors import Invalid
from steelyard.setoff.network import AMOUNT_BITS, FULL, MOST_WORTH, Amounts, Network, Topology
from steelyard.setoff.obligations import Obligation

TOTAL_BITS: Final = 44  # of all debts of a round together
YEAR: Final = 365


@dataclass(frozen=True, slots=True)
class Rules:
    """What is left out of a round, and what counts for more."""

    minimum: int = 1  # minor units of one obligation
    excluded: Collection[frozenset[str]] = ()  # groups of firms that do not clear among themselves
    today: date | None = None  # with it, an obligation a year overdue is worth twice its amount

    def admits(self, each: Obligation) -> bool:
        """Whether this obligation takes part."""
        among = any({each.debtor, each.creditor} <= group for group in self.excluded)
        return each.status == "open" and each.amount >= self.minimum and not among

    def worth(self, each: Obligation) -> int:
        """In sixteenths: more with every 23 days overdue, at most twice in a year."""
        if self.today is None or each.due is None:
            return FULL
        return FULL + FULL * min(max((self.today - each.due).days, 0), YEAR) // YEAR


@dataclass(frozen=True)
class Book:
    firms: tuple[str, ...]
    obligations: tuple[Obligation, ...] = field(repr=False)  # those that take part
    rules: Rules = field(default_factory=Rules)

    @classmethod
    def of(cls, obligations: Sequence[Obligation], rules: Rules | None = None, firms: Sequence[str] = ()) -> Book:
        """Firms are those given, or all that occur, in the order of their names."""
        rules = rules or Rules()
        occurring = {name for each in obligations for name in (each.debtor, each.creditor)}
        return cls(tuple(firms or sorted(occurring)), tuple(filter(rules.admits, obligations)), rules)

    @cached_property
    def pairs(self) -> dict[tuple[str, str], list[Obligation]]:
        """The obligations of every debtor to every creditor, the first due first."""
        pairs: dict[tuple[str, str], list[Obligation]] = {}
        for each in sorted(self.obligations, key=lambda each: (each.due or date.max, each.issued or date.max)):
            pairs.setdefault((each.debtor, each.creditor), []).append(each)
        return dict(sorted(pairs.items()))

    @cached_property
    def network(self) -> Network:
        """An arc for every pair, in the order of `pairs`.  Raises Invalid where a pair or all together owe too much."""
        number = {name: index for index, name in enumerate(self.firms)}
        ends = np.array([[number[one], number[other]] for one, other in self.pairs], dtype=np.int64).reshape(-1, 2)
        amounts = [sum(each.amount for each in debts) for debts in self.pairs.values()]
        if max(amounts, default=0) >= 1 << AMOUNT_BITS:
            raise Invalid(
                f"all that one firm owes another is {1 << AMOUNT_BITS:,} minor units or more: leave a part of it for"
                " another round"
            )
        if sum(amounts) >= 1 << TOTAL_BITS:
            raise Invalid(
                f"all debts together reach {1 << TOTAL_BITS:,} minor units: clear part of them in another round"
            )
        worths = [self._worth(debts) for debts in self.pairs.values()]
        topology = Topology(len(self.firms), ends[:, 0].copy(), ends[:, 1].copy())
        return Network(topology, np.array(amounts, dtype=np.int64), np.array(worths, dtype=np.int64))

    def cleared(self, flow: Amounts) -> dict[str, int]:
        """What of every obligation is cleared, by its id: the first due of a pair first."""
        result: dict[str, int] = {}
        for debts, amount in zip(self.pairs.values(), flow.tolist(), strict=True):
            left = amount
            for each in debts:
                result[each.id] = min(each.amount, left)
                left -= result[each.id]
            if left:
                raise Invalid("more was to be cleared than is owed")
        return result

    def _worth(self, debts: Sequence[Obligation]) -> int:
        """The mean of a pair's obligations by amount."""
        total = sum(each.amount for each in debts)
        return min(sum(each.amount * self.rules.worth(each) for each in debts) // total, MOST_WORTH)
