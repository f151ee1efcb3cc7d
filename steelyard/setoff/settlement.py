"""From the numbers that a firm was told to its notice: which of its own invoices are cancelled, and by how much.

The numbers stand in the order of the firm's statement: what is cleared of its payables and receivables, then 1 where
the other side says the same, then its credit lines, lent and borrowed, then its cash, tendered and accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steelyard.errors import Cheated, Invalid, Malformed
from steelyard.setoff.network import Amounts
from steelyard.setoff.notice import Line, Notice
from steelyard.setoff.statement import Statement
from steelyard.setoff.terms import member


@dataclass(frozen=True, slots=True)
class _Side:
    """Where a firm's rows of one side stand: the names of the others by position; positions without a name are free."""

    names: dict[int, str] = field(repr=False)
    length: int


def settle(statement: Statement, told: Amounts, round_id: str) -> Notice:
    """Raises Malformed for numbers that are not for this statement, Cheated where more is cleared than is owed."""
    payables, receivables = _sides(statement)
    terms, length = statement.terms, 2 * (payables.length + receivables.length)
    if told.size != length + _credit(statement) + 2 * terms.cash:
        raise Malformed("this notice is not for what the firm has said to the round")
    cut = np.cumsum([payables.length, receivables.length, payables.length])
    owing, owed, agreed_owing, agreed_owed = np.split(told[:length], cut)
    book = statement.book
    flow = {name: int(owing[at]) for at, name in payables.names.items()}
    claims = {name: int(owed[at]) for at, name in receivables.names.items()}
    told_of = [flow[creditor] if debtor == statement.firm else claims[debtor] for debtor, creditor in book.pairs]
    try:
        cleared = book.cleared(np.array(told_of, dtype=np.int64))
    except Invalid:
        raise Cheated("the notice cancels more than this firm owes another, or is owed: it is void") from None
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
    where = {terms.number(member(name)): name for name in names} if terms.sealed else dict(enumerate(names))
    return _Side(where, statement.rows)


def _differing(statement: Statement, side: _Side, agreed: Amounts) -> list[str]:
    """Those who do not say the same; a row that only fills up is nobody's."""
    if not statement.terms.sealed:
        return [name for at, name in side.names.items() if not agreed[at]]
    me = statement.terms.number(member(statement.firm))
    numbers = [at for at in np.flatnonzero(agreed == 0).tolist() if at != me]
    occurring = {name for each in statement.obligations for name in (each.debtor, each.creditor)}
    known: dict[str, str] = {member(name): name for name in occurring}
    return [known.get(firm, firm) for firm in (statement.terms.firms[at] for at in numbers)]


def _money(statement: Statement, rest: Amounts) -> int:
    """Cash and credit got, less what was given."""
    lent, borrowed = np.split(rest[: _credit(statement)], 2)
    tendered, accepted = rest[-2:].tolist() if statement.terms.cash else (0, 0)
    return int(borrowed.sum() - lent.sum()) + tendered - accepted


def _credit(statement: Statement) -> int:
    """How many numbers there are about what it lends, and behind them about what it borrows."""
    return 2 * statement.rows if statement.terms.credit else 0
