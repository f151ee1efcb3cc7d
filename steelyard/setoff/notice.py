"""Set-off notices: what of a firm's own invoices was cancelled, as JSON, CSV and PDF, and what it can check alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from steelyard import fixedpoint
from steelyard.errors import Cheated
from steelyard.setoff.book import Book
from steelyard.setoff.obligations import Obligation

COLUMNS: Final = ("id", "debtor", "creditor", "amount", "cleared", "remaining", "currency", "due")


@dataclass(frozen=True, slots=True)
class Line:
    """One invoice, amounts in minor units."""

    obligation: Obligation = field(repr=False)
    cleared: int = field(repr=False)

    def record(self) -> dict[str, Any]:
        """By name of the column."""
        each = self.obligation
        left = each.amount - self.cleared
        due = each.due.isoformat() if each.due else ""
        values = (each.id, each.debtor, each.creditor, each.amount, self.cleared, left, each.currency, due)
        return dict(zip(COLUMNS, values, strict=True))


@dataclass(frozen=True, slots=True)
class Notice:
    """A firm's invoices of a round, payables first; `differs` names firms that said something else than this one.

    `money` is the cash and credit that went into its debts, less what came out of its claims.  `nodes` have signed it
    for `run`, the computation; not `verified`, a wrong number of one of them would go unnoticed.
    """

    firm: str
    round: str
    lines: tuple[Line, ...] = field(repr=False)
    money: int = field(default=0, repr=False)
    differs: tuple[str, ...] = field(default=(), repr=False)
    final: bool = False
    decimals: int = 0
    run: str = ""
    nodes: tuple[str, ...] = ()
    verified: bool = True

    @property
    def payables(self) -> int:
        """What of its debts was cancelled."""
        return sum(line.cleared for line in self.lines if line.obligation.debtor == self.firm)

    @property
    def receivables(self) -> int:
        """What of its claims was cancelled."""
        return sum(line.cleared for line in self.lines if line.obligation.creditor == self.firm)

    def check(self) -> None:
        """What the firm checks alone; raises Cheated.  With this, a wrong round cannot have made it poorer."""
        for line in self.lines:
            if not 0 <= line.cleared <= line.obligation.amount:
                raise Cheated(
                    f"the notice cancels less than nothing or more than invoice {line.obligation.id} is about"
                )
            if self.firm not in (line.obligation.debtor, line.obligation.creditor):
                raise Cheated(f"the notice holds invoice {line.obligation.id}, which is not this firm's")
        if self.payables != self.receivables + self.money:
            raise Cheated("the notice does not cancel as many debts as claims of this firm")


def notices(book: Book, round_id: str, cleared: Mapping[str, int]) -> dict[str, Notice]:
    """One for every firm, with all its invoices of the round, from what of each is cleared."""
    owing: dict[str, list[Line]] = {firm: [] for firm in book.firms}
    owed: dict[str, list[Line]] = {firm: [] for firm in book.firms}
    for each in book.obligations:
        line = Line(each, cleared[each.id])
        owing[each.debtor].append(line)
        owed[each.creditor].append(line)
    return {firm: Notice(firm, round_id, (*owing[firm], *owed[firm])) for firm in book.firms}


def as_json(notice: Notice) -> str:
    """A list of the lines, amounts in minor units."""
    return msgspec.json.encode([line.record() for line in notice.lines]).decode()


def as_csv(notice: Notice) -> str:
    """Amounts in minor units."""
    out = io.StringIO()
    lines = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    lines.writeheader()
    lines.writerows(line.record() for line in notice.lines)
    return out.getvalue()


def as_pdf(notice: Notice, issued: date) -> bytes:
    """For the firm's books, amounts in major units."""
    from fpdf import FPDF  # only whoever prints loads it

    pdf = FPDF()
    pdf.set_creation_date(datetime(issued.year, issued.month, issued.day, tzinfo=UTC))
    pdf.add_page()
    pdf.set_font("Helvetica", "B", 14)
    pdf.cell(text=f"Set-off notice for {notice.firm}", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Helvetica", size=9)
    for line in _preamble(notice, issued):
        pdf.cell(text=line, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    with pdf.table(text_align="LEFT") as table:
        for row in (COLUMNS, *_printed(notice.lines, notice.decimals)):
            table.row(row)
    return bytes(pdf.output())


def _preamble(notice: Notice, issued: date) -> tuple[str, ...]:
    payables, receivables, money = (
        fixedpoint.format(each, notice.decimals) for each in (notice.payables, notice.receivables, notice.money)
    )
    rest = f"Cash and credit put into debts, less taken for claims: {money}." if notice.money else "The two are equal."
    return (
        f"Round {notice.round}, {issued.isoformat()}",
        *_origin(notice),
        f"Debts cancelled: {payables}. Claims cancelled: {receivables}. {rest}",
        "Invoices stand as they were issued; only what remains of them is still to be paid.",
        "Final." if notice.final else "Preliminary: corrections are possible until the round is declared final.",
        *((f"Said something else, so nothing is cleared with: {', '.join(notice.differs)}",) if notice.differs else ()),
    )


def _origin(notice: Notice) -> tuple[str, ...]:
    if not notice.nodes:
        return ()
    doubt = "" if notice.verified else " So few of them could not have noticed a wrong number of one."
    return (f"Computation {notice.run}, signed by the nodes {', '.join(notice.nodes)}.{doubt}",)


def _printed(lines: Sequence[Line], decimals: int) -> list[tuple[str, ...]]:
    return [
        tuple(fixedpoint.format(each, decimals) if isinstance(each, int) else each for each in line.record().values())
        for line in lines
    ]
