from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard import fixedpoint
from steelyard.errors import Invalid

amounts = st.integers(-(fixedpoint.BOUND - 1), fixedpoint.BOUND - 1)


@pytest.mark.parametrize(
    ("text", "decimals", "amount"),
    [
        ("2500.00", 2, 250000),
        ("2500.5", 2, 250050),
        ("2500", 2, 250000),
        ("-0.05", 2, -5),
        ("+7", 0, 7),
        ("-0", 2, 0),
        ("0000000000000000000000000000000000000001", 0, 1),
        ("5764607523034234.87", 2, 2**59 - 1),
        ("-5764607523034234.87", 2, -(2**59) + 1),
    ],
)
def test_decimal_money_becomes_exact_minor_units(text: str, decimals: int, amount: int) -> None:
    assert fixedpoint.parse(text, decimals) == amount


@given(amounts, st.integers(0, fixedpoint.MAX_DECIMALS))
def test_format_and_parse_are_inverse(amount: int, decimals: int) -> None:
    text = fixedpoint.format(amount, decimals)
    assert fixedpoint.parse(text, decimals) == amount
    assert Decimal(text) * 10**decimals == amount


def test_formatting_keeps_every_decimal() -> None:
    assert fixedpoint.format(1750000, 2) == "17500.00"
    assert fixedpoint.format(-5, 2) == "-0.05"
    assert fixedpoint.format(0, 0) == "0"


NO_NUMBERS = """nan NaN inf -Infinity 1e5 1E5 1.2.3 1,000 1_000 abc - + . .5 5. 0x10 --1 ١٢ 5764607523034234.88"""


@pytest.mark.parametrize("text", [*NO_NUMBERS.split(), "", " 1", "1 ", "1\n", "9" * 41])
def test_anything_but_a_plain_number_in_range_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        fixedpoint.parse(text, 2)
    assert len(text) < 4 or text not in refusal.value.message


def test_more_decimals_than_declared_are_refused_even_zeros() -> None:
    for text, decimals in (("1.000", 2), ("1.234", 2), ("1.0", 0)):
        with pytest.raises(Invalid, match="decimals"):
            fixedpoint.parse(text, decimals)
    for decimals in (-1, fixedpoint.MAX_DECIMALS + 1):
        with pytest.raises(Invalid):
            fixedpoint.parse("1", decimals)


@pytest.mark.parametrize(
    ("amount", "count", "places", "text"),
    [
        (1750000, 4, 2, "4375.00"),
        (5, 2, 2, "0.02"),
        (15, 2, 2, "0.08"),
        (-5, 2, 2, "-0.02"),
        (-1, 2, 2, "0.00"),
        (100, 3, 6, "0.333333"),
    ],
)
def test_means_round_half_to_even_at_the_last_place(amount: int, count: int, places: int, text: str) -> None:
    assert fixedpoint.quotient(amount, count, 2, places) == text


@given(amounts, st.integers(1, 10**9), st.integers(0, 6), st.integers(0, 6))
def test_means_are_exact_up_to_the_last_place(amount: int, count: int, decimals: int, places: int) -> None:
    with localcontext(prec=80):
        exact = Decimal(amount).scaleb(-decimals) / count
        expected = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    assert Decimal(fixedpoint.quotient(amount, count, decimals, places)) == expected


def test_a_mean_over_nothing_is_refused() -> None:
    for count in (0, -1):
        with pytest.raises(Invalid):
            fixedpoint.quotient(1, count, 2)


@given(st.integers(1, 31))
def test_inputs_below_the_bound_cannot_add_up_to_an_overflow(parties: int) -> None:
    bound = fixedpoint.aggregate_bound(parties)
    assert parties * (bound - 1) < 2**59
    fixedpoint.check_aggregate([bound - 1, 1 - bound], parties)
    fixedpoint.check_aggregate(np.array([bound - 1, 1 - bound]), parties)
    for value in (bound, -bound, -(2**63)):
        with pytest.raises(Invalid) as refusal:
            fixedpoint.check_aggregate(np.array([0, value], dtype=np.int64), parties)
        assert str(abs(value)) not in refusal.value.message
        with pytest.raises(Invalid):
            fixedpoint.check_aggregate([0, value], parties)


def test_no_inputs_are_within_bounds_but_no_parties_are_not() -> None:
    fixedpoint.check_aggregate([], 3)
    fixedpoint.check_aggregate(np.array([], dtype=np.int64), 3)
    with pytest.raises(Invalid):
        fixedpoint.aggregate_bound(0)
