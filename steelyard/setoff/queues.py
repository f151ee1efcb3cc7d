"""Banks' payment queues in clear text: which payments settle together, by the rule of steelyard.protocols.gridlock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.setoff.network import AMOUNT_BITS, Amounts

BALANCE_BITS: Final = 44  # of balance and limit together, in minor units


@dataclass(frozen=True)
class Queues:
    """For every bank a queue of one length, padded with payments of zero; the first is the most urgent.

    `amounts` and `payees` are (banks, length), `payees` numbers of banks; `funds` are balances and limits together.
    """

    amounts: Amounts = field(repr=False)
    payees: Amounts = field(repr=False)
    funds: Amounts = field(repr=False)

    def __post_init__(self) -> None:
        banks = self.funds.size
        if self.amounts.shape != self.payees.shape or self.amounts.ndim != 2 or len(self.amounts) != banks:
            raise Invalid("every bank has funds, and a queue as long as the others'")
        if self.amounts.size and not 0 <= self.amounts.min() <= self.amounts.max() < 1 << AMOUNT_BITS:
            raise Invalid(f"a payment is from 0 to less than {1 << AMOUNT_BITS:,} minor units")
        if self.payees.size and not 0 <= self.payees.min() <= self.payees.max() < banks:
            raise Invalid("a payee is one of the banks")
        if np.abs(self.funds).max(initial=0) >= 1 << BALANCE_BITS:
            raise Invalid(f"a bank's funds are below {1 << BALANCE_BITS:,} minor units")

    def received(self, active: NDArray[np.bool_]) -> Amounts:
        """What every bank receives of these payments."""
        return np.array([(self.amounts * active)[self.payees == bank].sum() for bank in range(self.funds.size)])

    def settled(self) -> NDArray[np.bool_]:
        """(banks, length): the payments that settle, the most there are while every bank keeps to its order."""
        spent = np.cumsum(self.amounts, axis=1)
        active = np.ones(self.amounts.shape, dtype=bool)
        while True:
            fewer = spent <= (self.funds + self.received(active))[:, None]
            if (fewer == active).all():
                return active
            active = fewer
