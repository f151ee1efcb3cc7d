"""Annual statements as columns of exact integers: what can be asked of them, and whether they balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid, NotFound
from steelyard.randomness import Randomness

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
_MASK: Final = 20  # bits of what hides the items of the identity, which are below 1
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

    def identity(self, stream: Randomness) -> NDArray[np.float64]:
        """(3, rows): assets, liabilities, equity, each row times a power of two that brings it below 1, and masked.

        The masks cancel in assets less liabilities and equity, so nothing else can be got out of the three.
        """
        amounts = np.array([self.amount(Term((name,))).astype(np.float64) for name in IDENTITY])
        _, exponent = np.frexp(np.abs(amounts).max(axis=0))
        words = np.frombuffer(stream.bytes(16 * self.rows), dtype="<i8").reshape(2, self.rows)
        assets, liabilities = np.ldexp((words >> 11).astype(np.float64), _MASK - 52)
        return np.asarray(np.ldexp(amounts, -exponent) + np.stack([assets, liabilities, assets - liabilities]))


@dataclass(frozen=True)
class Quotients:
    """(rows, ratios) as an owner encrypts them, already rounded, and FINE, UNDEFINED or BEYOND for each."""

    values: NDArray[np.float64] = field(repr=False)
    states: NDArray[np.int8] = field(repr=False)


def quotients(cap: float, decimals: int, above: NDArray[np.object_], below: NDArray[np.object_]) -> Quotients:
    """Of exact integers, each rounded to so many decimals: no more digits than are asked for are ever encrypted.

    What cannot be divided, or whose quotient is beyond the cap, becomes 0 with its state beside it.
    """
    a, b = above * np.where(below < 0, -1, 1), np.abs(below)
    states = np.full(a.shape, FINE, dtype=np.int8)
    states[(np.abs(a) > int(cap) * b).astype(bool)] = BEYOND
    states[(b == 0).astype(bool)] = UNDEFINED
    fine = states == FINE
    divisor, unit = 2 * np.where(fine, b, 1), 10**decimals
    units = (np.where(fine, a, 0) * (2 * unit) + np.where(fine, b, 1)) // divisor  # halves go up
    return Quotients((units * np.where(fine, 1, 0)).astype(np.float64) / unit, states)
