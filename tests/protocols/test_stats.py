"""Statistics are those of all rows in one list, and nothing else comes out."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.consortium import Consortium
from protocols.tables import Rows, Watched, ask, tables, watch_openings

from steelyard.errors import GroupTooSmall, Invalid, Malformed
from steelyard.fixedpoint import format as money
from steelyard.functions import second_moment, stats
from steelyard.functions.catalogue import question
from steelyard.functions.question import Opening, Question
from steelyard.protocols.quantile import position

MOST = 2**59 - 1
AT = ("0", "0.25", "0.5", "0.999999", "1")
SIZES = [(3, 2), (4, 2), (5, 3)]
EDGE = st.sampled_from([MOST // 64, -(MOST // 64), 0])
values = st.lists(st.integers(-5, 5) | EDGE | st.integers(-(10**9), 10**9), max_size=20)


def about(**arguments: Any) -> Question[Any]:
    return question("stats", {"dataset": "accounts", "column": "balance", **arguments})


def expected(parties: list[list[int]], quantiles: tuple[str, ...] = (), median: bool = True) -> dict[str, Any]:
    """In minor units with two decimals, by other means than the function's."""
    rows = sorted(chain(*parties))
    count = len(rows)
    mean = Fraction(sum(rows), count)
    variance = sum((row - mean) ** 2 for row in rows) / (count - 1)
    found = {
        "count": count,
        "mean": money(round(mean * 10**4), 6),
        "std": money(root(variance * 10**8), 6),
        "min": money(rows[0], 2),
        "max": money(rows[-1], 2),
    }
    if median:
        found["median"] = money(rows[(count - 1) // 2], 2)
    if quantiles:
        found["quantiles"] = {at: money(rows[position(Fraction(at), count)], 2) for at in quantiles}
    return found


def root(square: Fraction) -> int:
    """The nearest integer to the square root, by bisection; halves to the even one."""
    low, high = 0, 1 << 128
    while low < high:
        middle = (low + high) // 2
        beyond = Fraction(2 * middle + 1, 2) ** 2
        enough = beyond > square or (beyond == square and middle % 2 == 0)
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_the_figures_are_those_of_all_rows_in_one_list(n: int, k: int, data: st.DataObject) -> None:
    consortium = Consortium(n, k)
    rows = [data.draw(values) for _ in consortium.parties]
    rows[0], rows[1] = [7, *rows[0]], [*rows[1], -7]  # two parties have some
    asked = about(quantiles=AT)
    assert ask(consortium, asked, tables(consortium, rows)) == expected(rows, AT)


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_without_median_and_quantiles_no_row_is_dealt(n: int, k: int) -> None:
    consortium, watched, asked = Consortium(n, k), Watched(), about(median=False)
    rows = [[100 * party + i for i in range(300)] for party in range(n)]
    assert ask(consortium, asked, tables(consortium, rows), watched) == expected(rows, median=False)
    assert asked.rows(Rows.of(rows[0])) == 0
    assert {size for step, *_, size in watched.messages if step == "deal"} < set(range(2_000))


def test_quantiles_are_there_without_the_median() -> None:
    consortium, rows = Consortium(3, 2), [[1], [2, 5], [9]]
    found = ask(consortium, about(median=False, quantiles=("0.75",)), tables(consortium, rows))
    assert found == expected(rows, ("0.75",), median=False)


@pytest.mark.parametrize("bound", [0, 2**20, MOST, 2**59])
def test_declared_bounds_change_nothing_but_the_cost(bound: int) -> None:
    consortium, rows = Consortium(3, 2), [[-(2**20), 3, 3], [2**20], [2**20, 4]]
    watched = Watched()
    assert ask(consortium, about(), tables(consortium, rows), watched, bounds=(bound,)) == expected(rows)
    sent = sum(size for *_, size in watched.messages)
    assert (sent < 200_000) == (bound == 2**20), sent


def test_numbers_of_any_size_are_squared_exactly() -> None:
    rows = [MOST, -MOST, 1, -(2**40) + 1, 2**20 - 1] * 7
    limbs = second_moment.limbs(Rows.of(rows).values("balance", about().wanted.filter))
    assert second_moment.joined(limbs.tolist()) == sum(row * row for row in rows)
    consortium, rows = Consortium(3, 2), [[MOST // 4, 1 - MOST // 4], [MOST // 4, -(MOST // 8)], [MOST, -MOST]]
    assert ask(consortium, about(), tables(consortium, rows)) == expected(rows)


def test_limbs_say_nothing_about_what_was_carried() -> None:
    """Two splits of one list of rows: the requester opens the same numbers."""
    half, opened = 2**26, []
    for rows in ([[half] * 4, [half] * 4, [1]], [[half] * 7, [half], [1]]):
        consortium, asked = Consortium(3, 2), Seen()
        ask(consortium, asked, tables(consortium, rows))
        opened.append(asked.opened)
    assert opened[0] == opened[1]


class Seen(stats.Stats):
    """The question, and what its requester has seen."""

    __slots__ = ("opened",)

    def __init__(self) -> None:
        super().__init__("stats", about().wanted)

    def figures(self, opened: Opening) -> dict[str, Any]:
        object.__setattr__(self, "opened", opened.values.tolist())
        return super().figures(opened)


def test_nothing_but_suppression_and_a_random_order_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    consortium, watched = Consortium(3, 2, minimum_rows=5), Watched()
    watch_openings(monkeypatch, watched)
    ask(consortium, about(quantiles=AT), tables(consortium, [[1, 2, 3], [4], [5]]))
    assert {step for step, _ in watched.opened} == {"suppressed", "outcomes"}
    watched.opened.clear()
    ask(consortium, about(median=False), tables(consortium, [[1, 2, 3], [4], [5]]))
    assert {step for step, _ in watched.opened} == {"suppressed"}


def test_the_transcript_tells_the_magnitude_of_the_rows_and_no_more() -> None:
    shapes = []
    for rows in ([[1] * 3, [2] * 9, [3]], [[-5] * 16, [], [MOST // 99, 4]]):
        consortium, watched = Consortium(3, 2), Watched()
        ask(consortium, about(quantiles=AT), tables(consortium, rows), watched)
        shapes.append([each for each in watched.messages if each[0] not in ("hello", "deal", "vote")])
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(("count", "dealt"), [(0, 16), (16, 16), (17, 32), (32, 32), (1000, 1024)])
def test_a_party_announces_a_power_of_two(count: int, dealt: int) -> None:
    asked = about()
    assert asked.rows(Rows.of([1] * count)) == dealt
    assert asked.values(dealt) == 8 + dealt


@pytest.mark.parametrize(
    ("rows", "hidden"), [([[1, 2], [3, 4], [5]], False), ([[1, 2], [3], [4]], True), ([[1, 2, 3], [4, 5], []], True)]
)
def test_too_few_rows_or_parties_suppress_everything(rows: list[list[int]], hidden: bool) -> None:
    consortium = Consortium(3, 2, minimum_rows=5, minimum_group=3)
    found = ask(consortium, about(quantiles=("0.1",)), tables(consortium, rows))
    assert found.get("suppressed", False) == hidden
    if hidden:
        assert found == dict.fromkeys(("count", "mean", "std", "min", "max", "median")) | {"suppressed": True}


def test_a_filter_selects_the_rows() -> None:
    consortium, rows = Consortium(3, 2), [[1, 200], [2, 300], [3, 4]]
    found = ask(consortium, about(where="balance < 1"), tables(consortium, rows))
    assert found == expected([[1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantiles": ("1.1",)}, "from 0 to 1"),
        ({"quantiles": ("-0.5",)}, "from 0 to 1"),
        ({"quantiles": ("0.1234567",)}, "quantiles"),
        ({"quantiles": ("1e-1",)}, "from 0 to 1"),
        ({"quantiles": ("0.5", "0.5")}, "twice"),
        ({"quantiles": tuple(f"0.{i}" for i in range(10, 27))}, "quantiles"),
        ({"median": "no"}, "median"),
        ({"group_by": "segment"}, "group_by"),
    ],
)
def test_what_is_no_argument_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        about(**arguments)


def test_more_rows_than_can_be_sorted_are_refused_before_any_is_dealt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "MAX_ROWS", 64)
    consortium, watched = Consortium(3, 2), Watched()
    with pytest.raises(Invalid, match="--no-median"):
        about().rows(Rows.of([1] * 65))
    with pytest.raises(Invalid, match="--no-median"):
        ask(consortium, about(), tables(consortium, [[1] * 17] * 3), watched)
    assert "deal" not in {step for step, *_ in watched.messages}
    assert ask(consortium, about(median=False), tables(consortium, [[1] * 65] * 3))["count"] == 195


def test_what_could_overflow_or_was_not_declared_is_refused_before_anything_is_dealt() -> None:
    consortium, watched = Consortium(3, 2), Watched()
    with pytest.raises(Invalid, match="overflow"):
        ask(consortium, about(), tables(consortium, [[MOST], [1], [1]]), watched)
    with pytest.raises(Invalid, match="declared"):
        ask(consortium, about(), tables(consortium, [[101], [1], [1]]), watched, bounds=(100,))
    assert ("deal", "bank-a") not in {(step, sender) for step, sender, *_ in watched.messages}


def test_a_minimum_of_parties_holds() -> None:
    consortium = Consortium(4, 2, minimum_group=4)
    with pytest.raises(GroupTooSmall):
        ask(consortium, about(), tables(consortium, [[1], [2], [3]]))


def test_sums_that_no_rows_have_are_malformed() -> None:
    opening = Opening(Rows.of([2, 5, 0, 0, 0, 0, 1, 1]).values("balance", about().wanted.filter), (), (2,), (), 2)
    with pytest.raises(Malformed):
        about().figures(opening)


def test_the_statement_says_whose_values_become_known() -> None:
    asked = about(quantiles=("0.9",), where="balance > 1")
    assert "the quantile 0.9" in asked.released()
    assert "a single row" in asked.released()
    assert any("padded to a power of two" in leak.what for leak in asked.leaks())
    assert asked.searches
    plain = about(median=False)
    assert not plain.searches
    assert "median" not in plain.released()
    assert not any("dealt" in leak.what or "deals" in leak.what for leak in plain.leaks())


def test_a_deviation_is_rounded_half_to_even() -> None:
    assert [stats._root(Fraction(each)) for each in ("0", "1/4", "9/4", "25/4", "2", "2.2499", "2.2501")] == [
        0, 0, 2, 2, 1, 1, 2,
    ]  # fmt: skip
