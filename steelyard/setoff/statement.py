"""`Statement`: what one firm says to a round: its invoices, and the numbers that it deals to the nodes for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from steelyard.errors import Invalid
from steelyard.setoff.book import Book, Rules
from steelyard.setoff.network import AMOUNT_BITS, Amounts
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.terms import Terms, bucket, member, members

MOST: Final = (1 << AMOUNT_BITS) - 1


@dataclass(frozen=True, slots=True)
class Offers:
    """Money that a firm brings, in minor units: `lends` and `borrows` by the other firm.  A cap is on all it pays."""

    tender: int = field(default=0, repr=False)
    acceptance: int = field(default=0, repr=False)
    lends: Mapping[str, int] = field(default_factory=dict, repr=False)
    borrows: Mapping[str, int] = field(default_factory=dict, repr=False)
    cap: int = field(default=MOST, repr=False)

    @property
    def capped(self) -> bool:
        return self.cap < MOST


@dataclass(frozen=True)
class Statement:
    """`firm` as invoices name it; the obligations are those in which it is debtor or creditor."""

    terms: Terms
    firm: str
    obligations: tuple[Obligation, ...] = field(repr=False)
    offers: Offers = field(default_factory=Offers, repr=False)

    @property
    def rules(self) -> Rules:
        """The terms, with firms called as these invoices call them."""
        names: dict[str, str] = {
            member(name): name for each in self.obligations for name in (each.debtor, each.creditor)
        }
        groups = [frozenset(names[firm] for firm in group if firm in names) for group in self.terms.excluded]
        return Rules(self.terms.minimum, groups, self.terms.today)

    @cached_property
    def book(self) -> Book:
        """Its invoices that take part.

        Raises Invalid for others' invoices, for firms that are not of the round or written in two ways, and for sums
        that are too large.
        """
        for each in self.obligations:
            if self.firm not in (each.debtor, each.creditor):
                raise Invalid(f"invoice {each.id} is between others than {self.firm}")
        named = {name for each in self.obligations for name in (each.debtor, each.creditor)}
        for firm in members(sorted(named)).values():
            self.terms.number(firm)
        book = Book.of(self.obligations, self.rules)
        _ = book.network  # raises Invalid, too
        return book

    def sides(self) -> tuple[list[str], list[str]]:
        """Whom it owes and who owes it, in the order of its rows; in a sealed round all firms, by their number."""
        pairs = self.book.pairs
        owed = [creditor for debtor, creditor in pairs if debtor == self.firm]
        owing = [debtor for debtor, creditor in pairs if creditor == self.firm]
        return owed, owing

    @property
    def rows(self) -> int:
        """How many it deals on every side, those that only fill up among them."""
        if self.terms.sealed:
            return self.terms.size
        return bucket(max(map(len, (*self.sides(), self.offers.lends, self.offers.borrows))))

    def layers(self) -> dict[str, Amounts]:
        """What is dealt, by the terms' form.  Raises Invalid for amounts that are too large."""
        return self._cells() if self.terms.sealed else self._rows()

    def _cells(self) -> dict[str, Amounts]:
        book, found = self.book, self._nothing()
        worths = dict(zip(book.pairs, book.network.worths.tolist(), strict=True))
        for (debtor, creditor), debts in book.pairs.items():
            side, other = ("payable", creditor) if debtor == self.firm else ("receivable", debtor)
            at = self.terms.number(member(other))
            found[f"{side}s"][at] = sum(each.amount for each in debts)
            if self.terms.aged:
                found[f"{side}_worths"][at] = worths[debtor, creditor]
        return found | self._offered(found)

    def _rows(self) -> dict[str, Amounts]:
        owed, owing = self.sides()
        found = self._nothing()
        amounts = {pair: sum(each.amount for each in debts) for pair, debts in self.book.pairs.items()}
        worths = dict(zip(self.book.pairs, self.book.network.worths.tolist(), strict=True))
        sides = (("payables", "creditors", owed), ("receivables", "debtors", owing))
        for money, others, names in sides:
            pairs = [(self.firm, name) if money == "payables" else (name, self.firm) for name in names]
            self._fill(found, others, names)
            found[money][: len(names)] = [amounts[pair] for pair in pairs]
            if self.terms.aged:
                found[f"{money[:-1]}_worths"][: len(names)] = [worths[pair] for pair in pairs]
        return found | self._offered(found)

    def _nothing(self) -> dict[str, Amounts]:
        return {name: np.zeros(length, dtype=np.int64) for name, length in self.terms.form(self.rows).items()}

    def _fill(self, found: Mapping[str, Amounts], others: str, names: Sequence[str]) -> None:
        """The numbers of the other side; a row that only fills up names nobody, and leads nowhere."""
        found[others][:] = self.terms.size
        found[others][: len(names)] = [self.terms.number(member(name)) for name in names]

    def _offered(self, form: Mapping[str, Amounts]) -> dict[str, Amounts]:
        offers = self.offers
        self._check_taken()
        single = {"cash": [offers.tender, offers.acceptance], "cap": [offers.cap]}
        made = {name: np.array(values, dtype=np.int64) for name, values in single.items() if name in form}
        lines = (("lends", "borrowers", offers.lends), ("borrows", "lenders", offers.borrows))
        for name, others, amounts in lines:
            if name in form:
                made[name] = np.zeros_like(form[name])
                at = [self.terms.number(member(other)) for other in sorted(amounts)]
                if not self.terms.sealed:
                    self._fill(form, others, sorted(amounts))
                    at = list(range(len(amounts)))
                made[name][at] = [amounts[other] for other in sorted(amounts)]
        if any(((each < 0) | (each > MOST)).any() for each in made.values()):
            raise Invalid(f"cash, credit and caps are from zero to less than {1 << AMOUNT_BITS:,} minor units")
        return made

    def _check_taken(self) -> None:
        offers, terms = self.offers, self.terms
        kinds = (
            ("cash", terms.cash, offers.tender or offers.acceptance),
            ("credit lines", terms.credit, offers.lends or offers.borrows),
            ("caps", terms.caps, offers.capped),
        )
        for kind, taken, offered in kinds:
            if offered and not taken:
                raise Invalid(f"this round takes no {kind}: leave them out, or ask for a round that does")


def statements(
    terms: Terms, obligations: Sequence[Obligation], offers: Mapping[str, Offers] | None = None
) -> list[Statement]:
    """One for every firm that occurs, where all invoices lie before one's eyes: each has its own of them."""
    own: dict[str, list[Obligation]] = {}
    for each in obligations:
        own.setdefault(each.debtor, []).append(each)
        own.setdefault(each.creditor, []).append(each)
    made = offers or {}
    for firm in made:
        own.setdefault(firm, [])
    return [Statement(terms, firm, tuple(mine), made.get(firm, Offers())) for firm, mine in sorted(own.items())]
