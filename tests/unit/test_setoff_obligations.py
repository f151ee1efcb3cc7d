"""Files of obligations are read whole or refused with the line and column of the first mistake."""

from __future__ import annotations

from datetime import date

import pytest

from steelyard.errors import Invalid
from steelyard.setoff.book import Book, Rules
from steelyard.setoff.network import FULL
from steelyard.setoff.obligations import Obligation, of_one_currency, read, write

HEADER = "id,debtor,creditor,amount,currency,issued,due,status\n"


def test_the_public_tools_four_columns_are_enough() -> None:
    assert read("id,debtor,creditor,amount\n1,10,20,500\n") == [Obligation("1", "10", "20", 500)]


def test_what_is_written_is_read_again() -> None:
    obligations = [
        Obligation("1", "A", "B", 5, "EUR", date(2026, 1, 2), date(2026, 2, 3)),
        Obligation("2", "B", "A", 7, "USD", None, None, "disputed"),
    ]
    assert read(write(obligations)) == obligations


def test_amounts_in_major_units_are_read_exactly() -> None:
    assert [each.amount for each in read("id,debtor,creditor,amount\n1,A,B,12.34\n2,A,B,5\n", 2)] == [1234, 500]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1,A,A,5,,,,", "line 2, column creditor: this is the debtor itself"),
        ("1,A,B,-5,,,,", "line 2, column amount: this is negative"),
        ("1,A,B,0,,,,", "line 2, column amount: this is zero"),
        ("1,A,B,5.5,,,,", "line 2, column amount: this cannot be read"),
        ("1,A,B,x,,,,", "line 2, column amount: this cannot be read"),
        ("1,A,B,17179869184,,,,", "line 2, column amount: this is 17,179,869,184 minor units or more"),
        ("1,A,B,9999999999999999999999,,,,", "line 2, column amount: this cannot be read"),
        ("1,A,C,5,,,,", "line 2, column creditor: this is no firm of this round"),
        (",A,B,5,,,,", "line 2, column id: this is no name"),
        ("1,A,B,5,euro,,,", "line 2, column currency: this is no currency code"),
        ("1,A,B,5,EUR,1.2.2026,,", "line 2, column issued: this is no date"),
        ("1,A,B,5,EUR,2026-02-01,2026-01-01,", "line 2, column due: this is before"),
        ("1,A,B,5,EUR,,,paid", "line 2, column status: this is none of open, disputed"),
        ("1,A,B,5,EUR", "line 2 has 5 cells"),
        ('1,A,B,5,"EUR,,,', "line 2 is no CSV"),
        ("1,A,B,5,,,,\n1,B,A,5,,,,", "line 3, column id: this is that of line 2 already"),
    ],
)
def test_every_mistake_has_its_line_and_column(line: str, complaint: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(HEADER + line + "\n", firms={"A", "B"})
    assert caught.value.message.startswith(complaint)


@pytest.mark.parametrize(
    ("header", "complaint"),
    [("", "missing: id, debtor"), ("id,debtor,creditor", "missing: amount"), ("id,id,debtor,creditor,amount", "twice")],
)
def test_a_header_says_what_it_lacks(header: str, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        read(header + "\n")


def test_a_round_clears_one_currency() -> None:
    found = read(HEADER + "1,A,B,5,EUR,,,\n2,A,B,5,USD,,,\n3,A,B,5,IDR,,,\n")
    with pytest.raises(Invalid, match="3 currencies"):
        of_one_currency(found)
    assert [each.id for each in of_one_currency(found, "USD")] == ["2"]
    with pytest.raises(Invalid, match="CHF"):
        of_one_currency(found, "CHF")


def test_an_empty_round_is_an_empty_network() -> None:
    book = Book.of(read(HEADER))
    assert book.network.topology.arcs == 0
    assert book.firms == ()


def test_ten_thousand_invoices_of_one_pair_are_one_debt_cleared_by_due_date() -> None:
    invoices = [Obligation(str(i), "A", "B", 3, due=date(2026, 1, 1 + i % 28)) for i in range(10_000)]
    book = Book.of(invoices)
    assert book.network.amounts.tolist() == [30_000]
    cleared = book.cleared(book.network.amounts * 0 + 3 * 358 + 1)
    assert sum(cleared.values()) == 3 * 358 + 1
    assert {i for i, amount in cleared.items() if amount} <= {str(i) for i in range(10_000) if i % 28 < 2}


def test_rules_leave_out_what_is_disputed_small_or_among_a_group() -> None:
    obligations = [
        Obligation("1", "A", "B", 5, status="disputed"),
        Obligation("2", "A", "B", 1),
        Obligation("3", "A", "C", 9),
        Obligation("4", "B", "C", 9),
    ]
    book = Book.of(obligations, Rules(minimum=2, excluded=[frozenset({"A", "C", "D"})]))
    assert [each.id for each in book.obligations] == ["4"]


def test_an_old_debt_is_worth_more_and_at_most_twice() -> None:
    rules = Rules(today=date(2026, 12, 31))
    worths = [
        rules.worth(Obligation("1", "A", "B", 5, due=due))
        for due in (date(2027, 1, 1), date(2026, 7, 1), date(2020, 1, 1))
    ]
    assert worths[0] == FULL < worths[1] < worths[2] == 2 * FULL


@pytest.mark.parametrize("count", [2, 1 << 10])
def test_sums_that_overflow_are_refused(count: int) -> None:
    most = (1 << 34) - 1
    firms = [f"F{i}" for i in range(2 if count == 2 else 40)]
    pairs = [(one, other) for one in firms for other in firms if one != other] * (2 if count == 2 else 1)
    with pytest.raises(Invalid, match="another round"):
        _ = Book.of([Obligation(str(i), one, other, most) for i, (one, other) in enumerate(pairs)]).network
