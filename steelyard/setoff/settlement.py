"""From the numbers that a firm was told to its notice: which of its own invoices are cancelled, and by how much.

The numbers stand in the order of the firm's statement: what is cleared of its payables and receivables, then 1 where
the other side says the same, then its credit lines, lent and borrowed, then its cash, tendered and accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steelyard.errors import Malformed
from steelyard.setoff.network import Amounts
from steelyard.setoff.notice import Line, Notice
from steelyard.setoff.statement import Statement
from steelyard.setoff.terms import bucket, member


@dataclass(frozen=True, slots=True)
class _Side:
    """Where a firm's rows of one side stand: the names of the others by position; positions without a name are free."""

    names: dict[int, str] = field(repr=False)
    length: int


def settle(statement: Statement, told: Amounts, round_id: str) -> Notice:
    """Raises Malformed for numbers that are not for this statement, Invalid where more is cleared than is owed."""
    payables, receivables = _sides(statement)
    terms, length = statement.terms, 2 * (payables.length + receivables.length)
    if told.size != length + sum(_credit(statement)) + 2 * terms.cash:
        raise Malformed("this notice is not for what the firm has said to the round")
    cut = np.cumsum([payables.length, receivables.length, payables.length])
    owing, owed, agreed_owing, agreed_owed = np.split(told[:length], cut)
    book = statement.book
    flow = {name: int(owing[at]) for at, name in payables.names.items()}
    claims = {name: int(owed[at]) for at, name in receivables.names.items()}
    cleared = book.cleared(
        np.array(
            [flow[creditor] if debtor == statement.firm else claims[debtor] for debtor, creditor in book.pairs],
            dtype=np.int64,
        )
    )
    lines = [Line(each, cleared[each.id]) for each in book.obligations]
    lines.sort(key=lambda line: line.obligation.debtor != statement.firm)
    differs = {*_differing(statement, payables, agreed_owing), *_differing(statement, receivables, agreed_owed)}
    money = _money(statement, told[length:])
    return Notice(
        statement.firm, round_id, tuple(lines), money, tuple(sorted(differs)), decimals=statement.terms.decimals
    )


def _sides(statement: Statement) -> tuple[_Side, _Side]:
    creditors, debtors = statement.sides()
    return _side(statement, creditors), _side(statement, debtors)


def _side(statement: Statement, names: list[str]) -> _Side:
    terms = statement.terms
    if not terms.sealed:
        return _Side(dict(enumerate(names)), bucket(len(names)))
    return _Side({terms.number(member(name)): name for name in names}, terms.size)


def _differing(statement: Statement, side: _Side, agreed: Amounts) -> list[str]:
    """Those who do not say the same; a row that only fills the bucket is nobody's."""
    if not statement.terms.sealed:
        return [name for at, name in side.names.items() if not agreed[at]]
    me = statement.terms.number(member(statement.firm))
    numbers = [at for at in np.flatnonzero(agreed == 0).tolist() if at != me]
    occurring = {name for each in statement.obligations for name in (each.debtor, each.creditor)}
    known: dict[str, str] = {member(name): name for name in occurring}
    return [known.get(firm, firm) for firm in (statement.terms.firms[at] for at in numbers)]


def _money(statement: Statement, rest: Amounts) -> int:
    """Cash and credit got, less what was given."""
    lends, borrows = _credit(statement)
    lent, borrowed = rest[:lends], rest[lends : lends + borrows]
    tendered, accepted = rest[-2:].tolist() if statement.terms.cash else (0, 0)
    return int(borrowed.sum() - lent.sum()) + tendered - accepted


def _credit(statement: Statement) -> tuple[int, int]:
    """How many numbers there are about what it lends, and what it borrows."""
    terms, offers = statement.terms, statement.offers
    if not terms.credit:
        return 0, 0
    return (terms.size, terms.size) if terms.sealed else (bucket(len(offers.lends)), bucket(len(offers.borrows)))
