"""Obligations: what firms owe each other, read from CSV and written to it; every mistake has its line and column.

The first columns are those of the public MTCS tools, with amounts in whole minor units:
id,debtor,creditor,amount[,currency,issued,due,status]
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from steelyard import fixedpoint
from steelyard.errors import Invalid
from steelyard.setoff.network import AMOUNT_BITS

NEEDED: Final = ("id", "debtor", "creditor", "amount")
COLUMNS: Final = (*NEEDED, "currency", "issued", "due", "status")
STATUSES: Final = ("open", "disputed")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Obligation:
    """One invoice; the amount in minor units."""

    id: str
    debtor: str = field(repr=False)
    creditor: str = field(repr=False)
    amount: int = field(repr=False)
    currency: str = ""
    issued: date | None = None
    due: date | None = None
    status: str = "open"


def read(text: str, decimals: int = 0, firms: Collection[str] | None = None) -> list[Obligation]:
    """The obligations of a CSV file; raises Invalid, naming line and column.

    With `decimals`, amounts are written in major units; with `firms`, no others may occur.
    """
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        columns = _header(next(lines, []))
        found = [_obligation(_cells(row, columns, lines.line_num), lines.line_num, decimals) for row in _filled(lines)]
    except csv.Error:
        raise Invalid(f"line {lines.line_num} is no CSV: check its quotation marks") from None
    _check_once(found)
    _check_firms(found, firms)
    return [obligation for _, obligation in found]


def write(obligations: Sequence[Obligation]) -> str:
    """As CSV with all columns, amounts in minor units."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows([_written(getattr(each, column)) for column in COLUMNS] for each in obligations)
    return out.getvalue()


def of_one_currency(obligations: Sequence[Obligation], currency: str | None = None) -> list[Obligation]:
    """Those of this currency, or of the only one there is: a round clears one."""
    found = sorted({each.currency for each in obligations})
    if currency is None and len(found) > 1:
        names = ", ".join(name or "none" for name in found)
        raise Invalid(f"the file holds {len(found)} currencies ({names}) and a round clears one: say which")
    if currency is not None and obligations and currency not in found:
        raise Invalid(f"no obligation is in {currency}")
    return [each for each in obligations if currency is None or each.currency == currency]


def _header(row: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in row]
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise Invalid(f"line 1 must name the columns {','.join(NEEDED)}; missing: {', '.join(missing)}")
    unknown = sorted({name for name in columns if name not in COLUMNS})
    if unknown:
        raise Invalid(f"line 1 names unknown columns: {', '.join(unknown)}; known are {','.join(COLUMNS)}")
    if len(set(columns)) != len(columns):
        raise Invalid("line 1 names a column twice")
    return columns


def _filled(lines: Iterator[list[str]]) -> Iterator[list[str]]:
    return (row for row in lines if any(cell.strip() for cell in row))


def _cells(row: list[str], columns: list[str], line: int) -> dict[str, str]:
    if len(row) != len(columns):
        raise Invalid(f"line {line} has {len(row)} cells, and line 1 names {len(columns)} columns")
    return dict(zip(columns, (cell.strip() for cell in row), strict=True))


def _obligation(cells: Mapping[str, str], line: int, decimals: int) -> tuple[int, Obligation]:
    for column in ("id", "debtor", "creditor"):
        if not _NAME.fullmatch(cells[column]):
            raise _wrong(line, column, "is no name: write letters and digits, at most 64")
    if cells["debtor"] == cells["creditor"]:
        raise _wrong(line, "creditor", "is the debtor itself: nobody owes anything to itself")
    status = cells.get("status", "") or "open"
    if status not in STATUSES:
        raise _wrong(line, "status", f"is none of {', '.join(STATUSES)}")
    currency = cells.get("currency", "")
    if currency and not _CURRENCY.fullmatch(currency):
        raise _wrong(line, "currency", "is no currency code such as EUR")
    issued, due = (_date(cells.get(column, ""), line, column) for column in ("issued", "due"))
    if issued and due and due < issued:
        raise _wrong(line, "due", "is before the date of issue")
    amount = _amount(cells["amount"], line, decimals)
    return line, Obligation(cells["id"], cells["debtor"], cells["creditor"], amount, currency, issued, due, status)


def _amount(text: str, line: int, decimals: int) -> int:
    try:
        amount = fixedpoint.parse(text, decimals)
    except Invalid as error:
        raise _wrong(line, "amount", f"cannot be read: {error.message}") from None
    if amount < 0:
        raise _wrong(line, "amount", "is negative: exchange debtor and creditor")
    if amount == 0:
        raise _wrong(line, "amount", "is zero: leave the line out")
    if amount >= 1 << AMOUNT_BITS:
        raise _wrong(
            line, "amount", f"is {1 << AMOUNT_BITS:,} minor units or more, too large to be cleared in one piece"
        )
    return amount


def _date(text: str, line: int, column: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise _wrong(line, column, "is no date such as 2026-11-30") from None


def _check_once(found: Sequence[tuple[int, Obligation]]) -> None:
    lines: dict[str, int] = {}
    for line, obligation in found:
        first = lines.setdefault(obligation.id, line)
        if first != line:
            raise _wrong(line, "id", f"is that of line {first} already: every obligation has its own")


def _check_firms(found: Sequence[tuple[int, Obligation]], firms: Collection[str] | None) -> None:
    known = None if firms is None else set(firms)
    for line, obligation in found:
        for column in ("debtor", "creditor"):
            if known is not None and getattr(obligation, column) not in known:
                raise _wrong(line, column, "is no firm of this round")


def _wrong(line: int, column: str, what: str) -> Invalid:
    return Invalid(f"line {line}, column {column}: this {what}")


def _written(value: object) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)
