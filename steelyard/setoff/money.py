"""Cash, credit and caps of firms, read from CSV: kind,firm,other,amount; every mistake has its line and column."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from steelyard import fixedpoint
from steelyard.errors import Invalid
from steelyard.setoff.statement import MOST, Offers

COLUMNS: Final = ("kind", "firm", "other", "amount")
KINDS: Final = ("tender", "acceptance", "credit", "cap")


def read_offers(text: str, decimals: int = 0) -> dict[str, Offers]:
    """By firm.  `credit` is what `firm` lends at most to `other`, who is taken to agree; `other` is else empty."""
    lines = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise Invalid(f"line 1 must name the columns {','.join(COLUMNS)}")
        read = [_cells(row, lines.line_num, decimals) for row in lines]
    except csv.Error:
        raise Invalid(f"line {lines.line_num} is no CSV: check its quotation marks") from None
    said = Counter((kind, firm, other) for kind, firm, other, _ in read)
    found: dict[str, Offers] = {}
    for kind, firm, other, amount in read:
        if said[kind, firm, other] > 1:
            raise Invalid(f"the {kind} of {firm} is on two lines: write one, with the whole amount")
        mine = found.get(firm, Offers())
        if kind == "credit":
            theirs = found.get(other, Offers())
            found[firm] = replace(mine, lends={**mine.lends, other: amount})
            found[other] = replace(theirs, borrows={**theirs.borrows, firm: amount})
        else:
            found[firm] = _with(mine, kind, amount)
    return found


def _with(offers: Offers, kind: str, amount: int) -> Offers:
    if kind == "cap":
        return replace(offers, cap=amount)
    return replace(offers, tender=amount) if kind == "tender" else replace(offers, acceptance=amount)


def _cells(row: Mapping[str | None, Any], line: int, decimals: int) -> tuple[str, str, str, int]:
    if None in row or None in row.values():
        raise Invalid(f"line {line} has not as many cells as line 1 names columns")
    kind, firm, other, amount = (row[column].strip() for column in COLUMNS)
    if kind not in KINDS:
        raise Invalid(f"line {line}, column kind: this is none of {', '.join(KINDS)}")
    if not firm or (kind == "credit") != bool(other) or firm == other:
        raise Invalid(f"line {line}: credit has a firm and another, everything else a firm alone")
    try:
        value = fixedpoint.parse(amount, decimals)
    except Invalid as error:
        raise Invalid(f"line {line}, column amount: this cannot be read: {error.message}") from None
    if not 0 <= value <= MOST:
        raise Invalid(f"line {line}, column amount: this is negative, or too large")
    return kind, firm, other, value
