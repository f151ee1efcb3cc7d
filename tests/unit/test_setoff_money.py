"""Cash, credit and caps as firms write them down: every mistake is pointed at."""

from __future__ import annotations

import pytest

from steelyard.errors import Invalid
from steelyard.setoff.money import read_offers
from steelyard.setoff.statement import Offers

HEAD = "kind,firm,other,amount\n"


def test_what_a_firm_brings_is_read_and_a_credit_line_is_both_firms() -> None:
    found = read_offers(HEAD + "tender,A,,1.50\nacceptance,A,,2\ncredit,B,A,3\ncap,B,,0\n", decimals=2)
    assert found["A"] == Offers(tender=150, acceptance=200, borrows={"B": 300})
    assert found["B"] == Offers(lends={"A": 300}, cap=0)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("gift,A,,1\n", "line 2, column kind: this is none of tender"),
        ("tender,A,B,1\n", "line 2: credit has a firm and another"),
        ("credit,A,,1\n", "line 2: credit has a firm and another"),
        ("credit,A,A,1\n", "line 2: credit has a firm and another"),
        ("tender,A,,-1\n", "line 2, column amount: this is negative, or too large"),
        ("tender,A,,17179869184\n", "line 2, column amount: this is negative, or too large"),
        ("tender,A,,much\n", "line 2, column amount: this cannot be read"),
        ("tender,A,,1\ntender,A,,2\n", "the tender of A is on two lines"),
        ("credit,A,B,1\ncredit,A,B,2\n", "the credit of A is on two lines"),
        ("tender,A,,1,50\n", "line 2 has not as many cells as line 1"),
        ("tender,A,1\n", "line 2 has not as many cells as line 1"),
        ('tender,"A,,1\n', "no CSV: check its quotation marks"),
    ],
)
def test_mistakes_are_pointed_at(lines: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_offers(HEAD + lines)


def test_another_header_is_refused() -> None:
    with pytest.raises(Invalid, match="line 1 must name the columns"):
        read_offers("firm,amount\nA,1\n")
