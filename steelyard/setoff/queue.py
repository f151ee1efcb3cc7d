"""`Queue`: what one bank wants to pay, in its order, and the numbers that it deals to the nodes for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from steelyard.digest import digest
from steelyard.errors import Invalid
from steelyard.setoff.network import AMOUNT_BITS, Amounts
from steelyard.setoff.queues import BALANCE_BITS

LEAST_ROWS: Final = 16
MOST_PAYMENTS: Final = 1 << 20  # of all banks together, padding included
MOST_CHOICES: Final = 1 << 25  # payments, padding included, times banks


@dataclass(frozen=True, slots=True)
class Payment:
    """Amount in minor units; names as the bank writes them."""

    id: str
    payee: str = field(repr=False)
    amount: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class Queue:
    """The first payment is the most urgent.  `balance` may be negative as far as `limit` reaches."""

    bank: str
    payments: tuple[Payment, ...] = field(repr=False)
    balance: int = field(default=0, repr=False)
    limit: int = field(default=0, repr=False)

    @property
    def rows(self) -> int:
        """How many payments it deals, padding included: the power of two that says how many there are at most."""
        return max(LEAST_ROWS, 1 << max(len(self.payments) - 1, 0).bit_length())

    def layers(self, places: Mapping[str, int]) -> dict[str, Amounts]:
        """By name, as `form`; `places`: the public order of banks, by the names that the payments use.

        Raises Invalid for payments that can be none.
        """
        banks, own = len(places), self._place(self.bank, places)
        amounts = np.zeros(self.rows, dtype=np.int64)
        payees = np.zeros((self.rows, banks), dtype=np.int64)
        payees[len(self.payments) :, (own + 1) % banks] = 1  # padding pays nothing to the next one
        for row, each in enumerate(self.payments):
            self._check(each)
            amounts[row], payees[row, self._place(each.payee, places)] = each.amount, 1
        return {"funds": np.array([self._funds()], dtype=np.int64), "amounts": amounts, "payees": payees.reshape(-1)}

    def _place(self, name: str, places: Mapping[str, int]) -> int:
        if name not in places:
            raise Invalid(f"{name[:60]} is no bank of this netting")
        return places[name]

    def _check(self, payment: Payment) -> None:
        if payment.payee == self.bank:
            raise Invalid(f"payment {payment.id} is from {self.bank} to itself")
        if not 0 < payment.amount < 1 << AMOUNT_BITS:
            raise Invalid(f"payment {payment.id} is of nothing, or of {1 << AMOUNT_BITS:,} minor units or more")

    def _funds(self) -> int:
        funds = self.balance + self.limit
        if self.limit < 0 or not 0 <= funds < 1 << BALANCE_BITS:
            raise Invalid(
                f"{self.bank} has a negative limit, a balance below it, or {1 << BALANCE_BITS:,} minor units or more"
            )
        return funds


def tag(banks: Sequence[str], decimals: int) -> str:
    """Names this order of banks, in which payees are numbered, and no other."""
    return f"banks_{digest('netting banks', str(decimals).encode(), *(each.encode() for each in banks)).hex()[:32]}"


def form(banks: Sequence[str], decimals: int, rows: int) -> dict[str, int]:
    """The layers that a bank deals, with their lengths."""
    return {tag(banks, decimals): 0, "funds": 1, "amounts": rows, "payees": rows * len(banks)}
