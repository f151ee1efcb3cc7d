"""`correlate` and `regress`: exact whatever the numbers, from sums that say nothing about single parties."""

from __future__ import annotations

import statistics
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.asking import GREETING, Rows, about, ask
from protocols.consortium import Consortium

from steelyard.digest import digest
from steelyard.errors import Invalid, Malformed
from steelyard.field import to_signed, uniform
from steelyard.functions import limbs
from steelyard.functions.moments import products
from steelyard.functions.question import Opening
from steelyard.functions.regress import MAX_REGRESSORS
from steelyard.randomness import Keystream, SystemRandomness

SIZES = [(3, 2), (4, 2), (5, 3), (4, 3)]  # the last cannot multiply, and need not
MOST = 2**59 - 1
PAIR, ON = about("correlate", other="income"), about("regress", on=["income", "age"])
numbers = st.one_of(st.integers(-MOST, MOST), st.integers(-1000, 1000), st.sampled_from([MOST, -MOST, 0, 1 << 20, -1]))


def tables(n: int, rows: list[tuple[int, ...]]) -> list[Rows]:
    """Dealt round to n parties."""
    names = ("balance", "income", "age")
    return [Rows({name: [row[i] for row in rows[at::n]] for i, name in enumerate(names)}) for at in range(n)]


def consortium(n: int = 3, k: int = 2, columns: int = 2, **changes: Any) -> Consortium:
    return Consortium(n, k, decimals=(2, 0, 1)[:columns], **changes)


# --- sums of products in limbs


@settings(max_examples=30, deadline=None)
@given(data=st.data(), columns=st.integers(1, 4), rows=st.integers(0, 20))
def test_products_are_exact_whatever_the_size(data: st.DataObject, columns: int, rows: int) -> None:
    values = [data.draw(st.lists(numbers, min_size=rows, max_size=rows)) for _ in range(columns)]
    full = [[1] * rows, *values]
    found = products([np.array(each, dtype=np.int64) for each in values])
    assert found == [[sum(a * b for a, b in zip(x, y, strict=True)) for y in full] for x in full]


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.lists(st.integers(1 - 2**158, 2**158 - 1), min_size=3, max_size=3), min_size=1, max_size=20))
def test_sums_of_disguised_limbs_are_the_sums(parts: list[list[int]]) -> None:
    dealt = [limbs.disguised(limbs.split(each), SystemRandomness()) for each in parts]
    assert limbs.join(np.sum(dealt, axis=0)) == [sum(each) for each in zip(*parts, strict=True)]
    assert max(int(abs(each).max()) for each in dealt) < 2**59 // 64


def test_limbs_of_the_same_number_look_different_every_time() -> None:
    """All but what they add up to: not one limb of a small number is small, but for one key in 10^6."""
    shown = np.stack([limbs.disguised(limbs.split([5]), Keystream(bytes([key] * 32)))[0] for key in range(2)])
    assert (abs(shown) > 2**20).all()
    assert (shown[0] != shown[1]).all()


def test_a_number_that_no_limbs_hold_is_refused() -> None:
    with pytest.raises(Invalid, match="larger units"):
        limbs.split([2**158])


# --- correlate


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=5, deadline=None)
@given(rows=st.lists(st.tuples(numbers, numbers, numbers), min_size=5, max_size=30))
def test_the_correlation_has_twelve_right_digits(n: int, k: int, rows: list[tuple[int, ...]]) -> None:
    shown = ask(consortium(n, k, minimum_group=2), PAIR, tables(n, rows)).figures
    x, y, _ = zip(*rows, strict=True)
    mean_x, mean_y = Fraction(sum(x), len(x)), Fraction(sum(y), len(y))
    xx, yy = sum((a - mean_x) ** 2 for a in x), sum((b - mean_y) ** 2 for b in y)
    xy = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    assert shown["count"] == len(rows)
    if not xx * yy:
        assert shown["correlation"] is None
        return
    found = Fraction(Decimal(shown["correlation"]))
    assert found * xy >= 0
    assert abs(found**2 - xy**2 / (xx * yy)) <= Fraction(11, 10**12) * found**2


def test_columns_on_a_line_correlate_fully() -> None:
    for slope, shown in ((3, "1"), (-3, "-1"), (0, None)):
        rows = [(slope * x + 5, x, 0) for x in range(9)]
        assert ask(consortium(), PAIR, tables(3, rows)).figures == {"correlation": shown, "count": 9}


# --- regress


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_a_plane_is_found_exactly_in_the_columns_own_units(n: int, k: int) -> None:
    """balance = 7.50 + 2 income - 0.125 age, where balance has two decimals, age one."""
    points = [(i, j) for i in range(5) for j in range(0, 40, 8)]
    rows = [(750 + 200 * income - 100 * age // 80, income, age) for income, age in points]
    shown = ask(consortium(n, k, 3), ON, tables(n, rows)).figures
    assert [(each["name"], each["coefficient"]) for each in shown["coefficients"]] == [
        ("intercept", "7.5"),
        ("income", "2"),
        ("age", "-0.125"),
    ]
    assert (shown["r2"], shown["residual_standard_error"], shown["degrees_of_freedom"]) == ("1", "0", 22)


@settings(max_examples=10, deadline=None)
@given(data=st.data(), size=st.sampled_from([10, 10**6, MOST]))
def test_one_regressor_is_the_textbook_line(data: st.DataObject, size: int) -> None:
    rows = data.draw(
        st.lists(st.tuples(*[st.integers(-size, size)] * 3), min_size=6, max_size=20, unique_by=lambda r: r[1])
    )
    shown = ask(consortium(), about("regress", on=["income"]), tables(3, rows)).figures
    x, y = [Fraction(row[1]) for row in rows], [Fraction(row[0], 100) for row in rows]
    n, mean = len(rows), statistics.mean(x)
    spread = sum((each - mean) ** 2 for each in x)
    slope = sum((a - mean) * b for a, b in zip(x, y, strict=True)) / spread
    left = sum((b - statistics.mean(y) - slope * (a - mean)) ** 2 for a, b in zip(x, y, strict=True))
    error = left / (n - 2) / spread
    line = shown["coefficients"][1]
    assert abs(Fraction(Decimal(line["coefficient"])) - slope) <= abs(slope) / 10**11
    assert abs(Fraction(Decimal(line["standard_error"])) ** 2 - error) <= error / 10**11
    if left:
        assert abs(Fraction(Decimal(line["t"])) ** 2 - slope**2 / error) <= slope**2 / error / 10**11


def test_many_regressors_agree_with_floating_point() -> None:
    names = [f"x{i}" for i in range(MAX_REGRESSORS)]
    drawn = to_signed(uniform(Keystream(digest("regressors", b"")), 300 * (MAX_REGRESSORS + 1))).reshape(300, -1)
    x = drawn[:, 1:] % 20_000 - 10_000
    y = x @ np.arange(-8, 8) + drawn[:, 0] % 10_000
    parts = [Rows({"balance": y[i::3].tolist(), **dict(zip(names, x[i::3].T.tolist(), strict=True))}) for i in range(3)]
    bank = Consortium(3, 2, decimals=(0,) * (MAX_REGRESSORS + 1))
    shown = ask(bank, about("regress", on=names), parts).figures
    full = np.column_stack([np.ones(300), x])
    wanted, (left,), *_ = np.linalg.lstsq(full, y.astype(float), rcond=None)
    errors = np.sqrt(np.diag(np.linalg.inv(full.T @ full)) * left / (300 - MAX_REGRESSORS - 1))
    assert np.allclose([float(each["coefficient"]) for each in shown["coefficients"]], wanted, rtol=1e-8)
    assert np.allclose([float(each["standard_error"]) for each in shown["coefficients"]], errors, rtol=1e-8)
    assert np.isclose(float(shown["r2"]), 1 - left / ((y - y.mean()) ** 2).sum())


def test_a_column_that_others_determine_has_no_coefficient() -> None:
    rows = [(3 * i + i % 2, i, 2 * i + 1) for i in range(12)]
    intercept, income, age = ask(consortium(columns=3), ON, tables(3, rows)).figures["coefficients"]
    assert None not in (intercept["coefficient"], income["coefficient"])
    assert age == {"name": "age", "coefficient": None, "standard_error": None, "t": None}


def test_a_constant_column_is_explained_by_nothing() -> None:
    shown = ask(consortium(columns=3), ON, tables(3, [(700, i, i * i) for i in range(12)])).figures
    assert [each["coefficient"] for each in shown["coefficients"]] == ["7", "0", "0"]
    assert shown["r2"] is None


# --- what is shown to whom


@pytest.mark.parametrize(("asked", "columns"), [(PAIR, 2), (ON, 3)], ids=["correlate", "regress"])
def test_nothing_is_opened_but_what_is_suppressed(asked: Any, columns: int) -> None:
    shapes = []
    for rows in ([(i, i * i, 3) for i in range(12)], [(0, 0, 0)] * 12, [(MOST, -MOST, MOST)] * 12):
        shown = ask(consortium(4, 2, columns), asked, tables(4, rows))
        assert shown.opened == GREETING | {"suppressed"}
        shapes.append([each for each in shown.transcript if each[0] != "hello"])
    assert shapes[0] == shapes[1] == shapes[2]
    enough = ask(consortium(4, 2, columns, enough=True, minimum_rows=5), asked, tables(4, rows))
    assert enough.opened == GREETING
    assert ask(consortium(4, 3, columns), asked, tables(4, rows)).opened == GREETING | {"rows"}


@pytest.mark.parametrize(("asked", "columns", "least"), [(PAIR, 2, 3), (ON, 3, 4)], ids=["correlate", "regress"])
def test_a_figure_that_says_too_much_about_so_few_rows_is_suppressed(asked: Any, columns: int, least: int) -> None:
    rows = [(i, i * i, i**3 + 1) for i in range(least)]
    assert not ask(consortium(3, 2, columns, enough=True), asked, tables(3, rows)).suppressed
    shown = ask(consortium(3, 2, columns, enough=True), asked, tables(3, rows[:-1]))
    assert shown.figures.pop("suppressed")
    assert set(shown.figures.values()) == {None}
    assert not shown.values.size
    assert ask(consortium(3, 2, columns, minimum_rows=9), asked, tables(3, rows)).suppressed
    assert (
        ask(
            consortium(3, 2, columns),
            asked,
            [*tables(2, rows * 3), Rows(dict.fromkeys(("balance", "income", "age"), ()))],
        ).suppressed
        == ()
    )
    assert ask(
        consortium(3, 2, columns, minimum_group=3),
        asked,
        [*tables(2, rows * 3), Rows(dict.fromkeys(("balance", "income", "age"), ()))],
    ).suppressed


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("correlate", {}),
        ("correlate", {"other": "balance"}),
        ("correlate", {"other": "no column"}),
        ("correlate", {"other": "income", "group_by": "segment"}),
        ("regress", {"on": []}),
        ("regress", {"on": ["balance"]}),
        ("regress", {"on": ["age", "age"]}),
        ("regress", {"on": [f"x{i}" for i in range(MAX_REGRESSORS + 1)]}),
        ("regress", {"on": ["a,b"]}),
    ],
)
def test_wrong_arguments_are_refused(function: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        about(function, **arguments)


def malformed(count: int, *moments: int) -> None:
    values = np.concatenate([[count], limbs.split(moments).reshape(-1)])
    with pytest.raises(Malformed):
        about("correlate", other="income").figures(Opening(values, (), (0, 0), (), 2))
    with pytest.raises(Malformed):
        about("regress", on=["income"]).figures(Opening(values, (), (0, 0), (), 2))


def test_sums_that_no_rows_have_are_malformed() -> None:
    malformed(2, 1, 1, 1, 1, 1)  # too few rows
    malformed(5, 10, 10, 1, 1, 1)  # a negative variance
    malformed(5, 0, 0, 4, 9, 4)  # more than full correlation
    with pytest.raises(Malformed):
        PAIR.figures(Opening(np.zeros(7, dtype=np.int64), (), (0, 0), (), 2))
