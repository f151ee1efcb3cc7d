"""Annual statements as columns of exact integers: what can be asked of them, and whether they balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.ckks.division import Plan, normalised
from steelyard.errors import Invalid, NotFound

ITEMS: Final = (
    "cash",
    "inventory",
    "receivables",
    "current_assets",
    "total_assets",
    "current_liabilities",
    "total_liabilities",
    "equity",
    "retained_earnings",
    "revenue",
    "cost_of_sales",
    "ebit",
    "interest_expense",
    "net_income",
)
IDENTITY: Final = ("total_assets", "total_liabilities", "equity")
FINE, UNDEFINED, BEYOND, ABSENT = 0, 1, 2, 3  # a ratio; denominator zero; beyond the profile's cap; an item missing


@dataclass(frozen=True)
class Term:
    """A sum of items, each added or, with a minus before it, taken off."""

    items: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(each.removeprefix("-") for each in self.items)


@dataclass(frozen=True)
class Statements:
    """(rows,) of exact integers per item, all in one unit; values are not printed."""

    items: Mapping[str, NDArray[np.object_]] = field(repr=False)

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[np.int64]], decimals: Mapping[str, int]) -> Statements:
        """From minor units of so many decimals per column."""
        most = max((decimals[name] for name in columns), default=0)
        return cls({name: each.astype(object) * 10 ** (most - decimals[name]) for name, each in columns.items()})

    @property
    def rows(self) -> int:
        return len(next(iter(self.items.values())))

    def has(self, *names: str) -> bool:
        return all(name in self.items for name in names)

    def amount(self, term: Term) -> NDArray[np.object_]:
        """Raises NotFound, naming the item that is missing."""
        missing = [name for name in term.columns if name not in self.items]
        if missing:
            raise NotFound(f"the statements have no item {missing[0]}, which is needed here")
        total = np.zeros(self.rows, dtype=object)
        for name in term.items:
            part = self.items[name.removeprefix("-")]
            total = total - part if name.startswith("-") else total + part
        return total

    def check_balance(self) -> None:
        """Raises Invalid unless assets are liabilities and equity in every row, exactly."""
        assets, liabilities, equity = (self.amount(Term((name,))) for name in IDENTITY)
        wrong = np.flatnonzero((assets != liabilities + equity).astype(bool))
        if wrong.size:
            raise Invalid(
                f"statement {int(wrong[0]) + 1} of those asked for does not balance: total_assets is not"
                " total_liabilities and equity; correct it and import again"
            )

    def identity(self) -> NDArray[np.float64]:
        """(3, rows): assets, liabilities, equity, times one secret power of two per row that brings them below 1."""
        amounts = np.array([self.amount(Term((name,))).astype(np.float64) for name in IDENTITY])
        _, exponent = np.frexp(np.abs(amounts).max(axis=0))
        return np.asarray(np.ldexp(amounts, -exponent))


@dataclass(frozen=True)
class Fractions:
    """(rows,) numerators and denominators as an owner encrypts them, and FINE, UNDEFINED or BEYOND for each."""

    numerators: NDArray[np.float64] = field(repr=False)
    denominators: NDArray[np.float64] = field(repr=False)
    states: NDArray[np.int8] = field(repr=False)


def fractions(made: Plan, cap: float, above: NDArray[np.object_], below: NDArray[np.object_]) -> Fractions:
    """What cannot be divided, or whose quotient is beyond the cap, becomes 0 / 1 with its state beside it."""
    a, b = above.astype(np.float64), below.astype(np.float64)
    states = np.full(a.size, FINE, dtype=np.int8)
    states[np.abs(a) > cap * np.abs(b)] = BEYOND
    states[b == 0] = UNDEFINED
    fine = states == FINE
    pair = normalised(made, np.where(fine, a, 0.0), np.where(fine, b, 1.0))
    return Fractions(pair.numerators, pair.denominators, states)
