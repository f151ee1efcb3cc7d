"""Payments that banks have queued, and what they have, read from CSV; every mistake has its line and column.

Payments: id,payer,payee,amount[,priority]   the lowest priority first, then in the order of the file
Balances: bank,balance[,limit]               a bank's balance may be as far below zero as its limit reaches
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from steelyard import fixedpoint
from steelyard.errors import Invalid
from steelyard.setoff.network import AMOUNT_BITS
from steelyard.setoff.queue import Payment, Queue
from steelyard.setoff.queues import BALANCE_BITS

PAYMENTS: Final = ("id", "payer", "payee", "amount")
BALANCES: Final = ("bank", "balance")
_LAST: Final = 1 << 31  # priority of a payment that names none
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")


@dataclass(frozen=True, slots=True)
class _Line:
    """One row by columns."""

    number: int
    cells: Mapping[str, str] = field(repr=False)

    def wrong(self, column: str, what: str) -> Invalid:
        return Invalid(f"line {self.number}, column {column}: this {what}")

    def name(self, column: str) -> str:
        if not _NAME.fullmatch(self.cells[column]):
            raise self.wrong(column, "is no name: write letters and digits, at most 64")
        return self.cells[column]

    def money(self, column: str, decimals: int) -> int:
        """In minor units; zero for an empty cell of a column that need not be there."""
        text = self.cells.get(column, "")
        try:
            return fixedpoint.parse(text, decimals) if text or column in (*PAYMENTS, *BALANCES) else 0
        except Invalid as error:
            raise self.wrong(column, f"cannot be read: {error.message}") from None


def read(payments: str, balances: str | None = None, decimals: int = 0, *, alone: bool = False) -> list[Queue]:
    """Every bank's queue, by name; with balances only banks of that file may occur, else nobody has any funds.

    `alone`: the files are of one bank, who may have no payments and does not know others' balances.  Raises Invalid,
    naming line and column.
    """
    known = None if balances is None else _balances(balances, decimals)
    queued: dict[str, list[tuple[int, Payment]]] = {bank: [] for bank in known or ()}
    seen: dict[str, int] = {}
    for line in _lines(payments, PAYMENTS, ("priority",)):
        payer, priority, payment = _payment(line, decimals)
        first = seen.setdefault(payment.id, line.number)
        if first != line.number:
            raise line.wrong("id", f"is that of line {first} already: every payment has its own")
        for column, bank in (("payer", payer), ("payee", payment.payee)):
            if known is not None and bank not in known and not alone:
                raise line.wrong(column, "is no bank of the file with balances")
            queued.setdefault(bank, [])
        queued[payer].append((priority, payment))
    if not seen and not alone:
        raise Invalid("the file holds no payments: there is nothing to net")
    return [_queue(bank, queued[bank], *(known or {}).get(bank, (0, 0))) for bank in sorted(queued)]


def _queue(bank: str, payments: list[tuple[int, Payment]], balance: int, limit: int) -> Queue:
    ordered = sorted(payments, key=lambda each: each[0])  # what is of one priority stays in order
    return Queue(bank, tuple(payment for _, payment in ordered), balance, limit)


def _payment(line: _Line, decimals: int) -> tuple[str, int, Payment]:
    payer, payee = line.name("payer"), line.name("payee")
    if payer == payee:
        raise line.wrong("payee", "is the payer itself: a bank pays others")
    amount = line.money("amount", decimals)
    if amount < 0:
        raise line.wrong("amount", "is negative: exchange payer and payee")
    if amount == 0:
        raise line.wrong("amount", "is zero: leave the line out")
    if amount >= 1 << AMOUNT_BITS:
        raise line.wrong("amount", f"is {1 << AMOUNT_BITS:,} minor units or more, too large to be netted in one piece")
    priority = line.cells.get("priority", "")
    if priority and not re.fullmatch(r"[0-9]{1,9}", priority):
        raise line.wrong("priority", "is no whole number from 0 on; 0 is the most urgent")
    return payer, int(priority or _LAST), Payment(line.name("id"), payee, amount)


def _balances(text: str, decimals: int) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for line in _lines(text, BALANCES, ("limit",)):
        bank = line.name("bank")
        balance, limit = line.money("balance", decimals), line.money("limit", decimals)
        if bank in found:
            raise line.wrong("bank", "was on an earlier line already")
        if limit < 0:
            raise line.wrong("limit", "is negative: write how far below zero the balance may go")
        if balance + limit < 0:
            raise line.wrong("balance", "is further below zero than the limit reaches")
        if balance + limit >= 1 << BALANCE_BITS:
            raise line.wrong("balance", f"is, with the limit, {1 << BALANCE_BITS:,} minor units or more: too large")
        found[bank] = balance, limit
    return found


def _lines(text: str, needed: Sequence[str], further: Sequence[str]) -> list[_Line]:
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        columns = _header(next(rows, []), needed, further)
        found = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error:
        raise Invalid(f"line {rows.line_num} is no CSV: check its quotation marks") from None
    for number, row in found:
        if len(row) != len(columns):
            raise Invalid(f"line {number} has {len(row)} cells, and line 1 names {len(columns)} columns")
    return [_Line(at, dict(zip(columns, (cell.strip() for cell in row), strict=True))) for at, row in found]


def _header(row: list[str], needed: Sequence[str], further: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in row]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise Invalid(f"line 1 must name the columns {','.join(needed)}; missing: {', '.join(missing)}")
    unknown = sorted(set(columns) - {*needed, *further})
    if unknown:
        raise Invalid(f"line 1 names unknown columns: {', '.join(unknown)}; known are {','.join((*needed, *further))}")
    if len(set(columns)) != len(columns):
        raise Invalid("line 1 names a column twice")
    return columns
