"""A notice holds a firm's own invoices and nothing else, and the firm can check it alone."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import numpy as np
import pytest

from steelyard.errors import Cheated, Malformed
from steelyard.setoff.book import Book
from steelyard.setoff.generator import generate
from steelyard.setoff.notice import Line, Notice, as_csv, as_json, as_pdf, notices
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.schedule import Schedule
from steelyard.setoff.settlement import settle
from steelyard.setoff.solver import solve
from steelyard.setoff.statement import Statement
from steelyard.setoff.terms import Terms

RING = [Obligation("1", "A", "B", 50), Obligation("2", "B", "C", 60), Obligation("3", "C", "A", 70)]


def of_club() -> tuple[Book, dict[str, Notice]]:
    book = Book.of(generate("club-30", 7))
    return book, notices(book, "r1", book.cleared(solve(book.network, Schedule()).flow))


def test_every_notice_balances_and_holds_the_firms_own_invoices() -> None:
    book, made = of_club()
    assert set(made) == set(book.firms)
    for firm, notice in made.items():
        notice.check()
        assert {line.obligation.id for line in notice.lines} == {
            each.id for each in book.obligations if firm in (each.debtor, each.creditor)
        }
    assert sum(notice.payables for notice in made.values()) > 0


def test_both_sides_are_told_the_same() -> None:
    _, made = of_club()
    told: dict[str, set[int]] = {}
    for notice in made.values():
        for line in notice.lines:
            told.setdefault(line.obligation.id, set()).add(line.cleared)
    assert all(len(each) == 1 for each in told.values())


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([Line(RING[0], 51), Line(RING[2], 51)], "more than invoice 1"),
        ([Line(RING[0], -1), Line(RING[2], -1)], "less than nothing"),
        ([Line(RING[0], 50), Line(RING[2], 49)], "as many debts as claims"),
        ([Line(RING[1], 0)], "not this firm's"),
    ],
)
def test_a_firm_notices_alone_what_is_wrong(lines: list[Line], complaint: str) -> None:
    with pytest.raises(Cheated, match=complaint):
        Notice("A", "r1", tuple(lines)).check()


def test_json_and_csv_say_the_same() -> None:
    notice = Notice("A", "r1", (Line(RING[0], 50), Line(RING[2], 50)))
    notice.check()
    records = json.loads(as_json(notice))
    assert [records[0][name] for name in ("id", "debtor", "creditor")] == ["1", "A", "B"]
    assert [records[0][name] for name in ("amount", "cleared", "remaining")] == [50, 50, 0]
    assert [{k: str(v) for k, v in each.items()} for each in records] == list(
        csv.DictReader(io.StringIO(as_csv(notice)))
    )


def test_the_printed_notice_is_a_pdf_and_no_share_or_amount_is_in_a_repr() -> None:
    notice = Notice("A", "r1", (Line(RING[0], 12_345), Line(RING[2], 12_345)))
    assert as_pdf(notice, date(2026, 11, 30)).startswith(b"%PDF-")
    assert "12345" not in repr(notice)


def test_numbers_that_cancel_more_than_is_owed_make_no_notice() -> None:
    terms = Terms(round="r1", firms=("a", "b"))
    statement = Statement(terms, "A", (RING[0], Obligation("2", "B", "A", 50)))
    agreed = [1, 1, 1, 1]
    assert settle(statement, np.array([0, 50, 0, 50, *agreed]), "r1").payables == 50
    with pytest.raises(Cheated, match="more than this firm owes another"):
        settle(statement, np.array([0, 51, 0, 51, *agreed]), "r1")
    with pytest.raises(Malformed, match="not for what the firm has said"):
        settle(statement, np.array([0, 50, 0, 50]), "r1")
