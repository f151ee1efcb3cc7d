"""The ledger: durable, one input set per computation, one budget per dataset."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node import migrations
from node.ledger import AMONG, DAY_MS, Candidate, Ledger, Limits
from steelyard.errors import BudgetExhausted, Conflict, DifferencingRefused, GroupTooSmall, Invalid
from steelyard.privacy import renyi
from steelyard.privacy.differencing import Release
from steelyard.storage.database import Database

LIMITS = Limits(minimum_group=3, period_days=30, epsilon_per_period=1.0, searches_per_version=8)
NOW = 1_000 * DAY_MS


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "node.db", migrations.FOLDER)
    yield database
    database.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def over(parties: str, version: str = "1") -> Release:
    return frozenset((party, version) for party in parties)


ASKED = Candidate(
    dataset="accounts", column="balance", function="sum", requester="analyst", filter="", inputs=over("abcd")
)


def enter(ledger: Ledger, candidate: Candidate, name: str, now_ms: int = NOW, limits: Limits = LIMITS) -> int:
    return ledger.enter(candidate, limits, computation=name, digest=f"set of {name}", now_ms=now_ms)


def test_a_check_enters_nothing(ledger: Ledger) -> None:
    ledger.check(ASKED, LIMITS, now_ms=NOW)
    assert ledger.entries() == []
    ledger.check(replace(ASKED, inputs=over("abc")), LIMITS, now_ms=NOW)


def test_the_total_with_and_without_a_party_is_refused(ledger: Ledger) -> None:
    enter(ledger, ASKED, "one")
    without = replace(ASKED, inputs=over("abc"))
    for change in ({}, {"requester": "other"}, {"function": "mean"}, {"filter": "balance >= -1"}, {"epsilon": 0.1}):
        with pytest.raises(DifferencingRefused):
            ledger.check(replace(without, **change), LIMITS, now_ms=NOW)
        with pytest.raises(DifferencingRefused):
            enter(ledger, replace(without, **change), "two")
    assert len(ledger.entries()) == 1


def test_the_full_total_after_one_that_left_a_party_out_is_refused_until_the_data_change(ledger: Ledger) -> None:
    enter(ledger, replace(ASKED, inputs=over("abc")), "one")
    with pytest.raises(DifferencingRefused):
        enter(ledger, ASKED, "two")
    enter(ledger, replace(ASKED, inputs=over("abc", "2") | over("d")), "three")


def test_another_column_is_no_way_around_since_row_counts_are_the_same_for_all(ledger: Ledger) -> None:
    enter(ledger, ASKED, "one")
    with pytest.raises(DifferencingRefused):
        enter(ledger, replace(ASKED, column="limit", function="count", inputs=over("abc")), "two")


def test_a_question_about_several_columns_is_compared_with_those_about_one(ledger: Ledger) -> None:
    related = replace(ASKED, column="default,income,age", function="regress")
    enter(ledger, related, "one")
    assert ledger.entries()[0].candidate == related
    for column in ("income", "age,default", "balance"):
        with pytest.raises(DifferencingRefused):
            enter(ledger, replace(ASKED, column=column, inputs=over("abc")), "two")
        ledger.check(replace(ASKED, column=column), LIMITS, now_ms=NOW)


def test_a_search_counts_for_each_of_its_columns(ledger: Ledger) -> None:
    once = replace(LIMITS, searches_per_version=1)
    search = replace(ASKED, searches=True)
    enter(ledger, replace(search, column="balance,income"), "one", limits=once)
    for column in ("balance", "income", "age,income"):
        with pytest.raises(BudgetExhausted):
            ledger.check(replace(search, column=column), once, now_ms=NOW)
    for column in ("age", "bal"):
        ledger.check(replace(search, column=column), once, now_ms=NOW)


def test_another_dataset_is_another_matter(ledger: Ledger) -> None:
    enter(ledger, ASKED, "one")
    enter(ledger, replace(ASKED, dataset="loans", inputs=over("abc")), "two")


def test_a_small_group_is_refused(ledger: Ledger) -> None:
    with pytest.raises(GroupTooSmall):
        enter(ledger, replace(ASKED, inputs=over("ab")), "one")


def test_entering_again_is_the_same_entry_and_costs_nothing(ledger: Ledger) -> None:
    noisy = replace(ASKED, epsilon=0.6)
    assert enter(ledger, noisy, "one") == enter(ledger, noisy, "one", NOW + 1) == 1
    assert ledger.spent("accounts", 30, now_ms=NOW) == 0.6


def test_a_computation_enters_one_input_set_ever(ledger: Ledger) -> None:
    enter(ledger, ASKED, "one")
    late = NOW + 500 * DAY_MS
    with pytest.raises(Conflict):
        ledger.enter(ASKED, LIMITS, computation="one", digest="another", now_ms=late)
    with pytest.raises(Conflict):
        ledger.enter(replace(ASKED, inputs=over("efg")), LIMITS, computation="one", digest="set of one", now_ms=late)
    assert enter(ledger, ASKED, "one", late) == 1


def test_releases_count_for_the_period_and_no_longer(ledger: Ledger) -> None:
    enter(ledger, ASKED, "one")
    without = replace(ASKED, inputs=over("abc"))
    with pytest.raises(DifferencingRefused):
        ledger.check(without, LIMITS, now_ms=NOW + 30 * DAY_MS - 1)
    ledger.check(without, LIMITS, now_ms=NOW + 30 * DAY_MS)
    with pytest.raises(DifferencingRefused):
        ledger.check(without, replace(LIMITS, period_days=31), now_ms=NOW + 30 * DAY_MS)


def test_a_clock_set_back_does_not_open_the_ledger(ledger: Ledger) -> None:
    enter(ledger, ASKED, "one")
    with pytest.raises(DifferencingRefused):
        ledger.check(replace(ASKED, inputs=over("abc")), LIMITS, now_ms=NOW - 100 * DAY_MS)


def test_the_budget_is_one_for_all_requesters_and_renews_with_the_period(ledger: Ledger) -> None:
    tenth = replace(ASKED, epsilon=0.1)
    for number in range(10):
        enter(ledger, replace(tenth, requester=f"r{number}", filter=f"x = {number}"), f"c{number}")
    with pytest.raises(BudgetExhausted, match="0 is left"):
        enter(ledger, tenth, "eleventh")
    enter(ledger, ASKED, "exact")
    enter(ledger, tenth, "next period", NOW + 30 * DAY_MS)
    with pytest.raises(BudgetExhausted):
        enter(ledger, replace(tenth, epsilon=0.91), "too much", NOW + 30 * DAY_MS)


@pytest.mark.parametrize("epsilon", [-0.1, float("nan"), float("inf")])
def test_a_senseless_epsilon_is_refused(ledger: Ledger, epsilon: float) -> None:
    with pytest.raises(Invalid):
        enter(ledger, replace(ASKED, epsilon=epsilon), "one")


def test_the_read_out_shows_everything_in_order(ledger: Ledger) -> None:
    noisy = replace(ASKED, filter="segment = 'retail'", epsilon=0.25)
    enter(ledger, ASKED, "one")
    enter(ledger, noisy, "two", NOW + 5)
    entries = ledger.entries()
    assert [each.candidate for each in entries] == [ASKED, noisy]
    assert [(each.sequence, each.computation, each.digest, each.entered_ms) for each in entries] == [
        (1, "one", "set of one", NOW),
        (2, "two", "set of two", NOW + 5),
    ]
    assert ledger.entries(after=1) == entries[1:]
    assert ledger.entries(limit=1) == entries[:1]
    assert ledger.entry("three") is None


def test_entries_outlive_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(tmp_path / "other.db", migrations.FOLDER)
        assert enter(Ledger(database), ASKED, "one") == 1
        database.close()


def test_an_entry_falls_with_the_transaction_around_it(database: Database, ledger: Ledger) -> None:
    def failing() -> None:
        with database.transaction():
            enter(ledger, ASKED, "one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert ledger.entries() == []


@pytest.mark.parametrize("statement", ["UPDATE release SET epsilon = 0", "DELETE FROM release"])
def test_the_table_is_append_only(database: Database, ledger: Ledger, statement: str) -> None:
    enter(ledger, ASKED, "one")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(statement)


@pytest.mark.parametrize("first_is_about_parts", [True, False])
def test_totals_and_results_about_single_parties_do_not_go_together(ledger: Ledger, first_is_about_parts: bool) -> None:
    """The total and the sum of squares of three parties, of whom one helps the requester, give the other two away."""
    first, second = (replace(ASKED, parts=first_is_about_parts == which) for which in (True, False))
    enter(ledger, first, "one")
    with pytest.raises(DifferencingRefused, match="parts_beside_totals"):
        ledger.check(second, LIMITS, now_ms=NOW)
    ledger.check(first, LIMITS, now_ms=NOW)
    ledger.check(replace(second, column="income"), LIMITS, now_ms=NOW)
    ledger.check(second, replace(LIMITS, parts_beside_totals=True), now_ms=NOW)


@pytest.mark.parametrize("column", ["balance", "income,balance"])
def test_one_bit_questions_are_counted_over_requesters_and_columns(ledger: Ledger, column: str) -> None:
    few = replace(LIMITS, searches_per_version=2)
    for number in range(2):
        asked = replace(ASKED, searches=True, requester=f"analyst-{number}", filter=f"opened >= {number}")
        enter(ledger, asked, str(number), limits=few)
    again = replace(ASKED, searches=True, column=column)
    with pytest.raises(BudgetExhausted, match="compared 2 times"):
        ledger.check(again, few, now_ms=NOW + 1000 * DAY_MS)
    ledger.check(replace(again, column="income"), few, now_ms=NOW)
    ledger.check(replace(ASKED, searches=False), few, now_ms=NOW)
    ledger.check(replace(again, inputs=over("abcd", "2")), few, now_ms=NOW)


def trained(epsilon: float, releases: int = 10) -> Candidate:
    curve = tuple(renyi.planned(epsilon, 1e-5, releases).tolist())
    return replace(ASKED, function="train", epsilon=epsilon, delta=1e-5, curve=curve)


WIDE = replace(LIMITS, epsilon_per_period=6.0, delta_per_period=1e-5)


def test_training_runs_compose_and_cost_less_than_their_sum(ledger: Ledger) -> None:
    enter(ledger, trained(2.0), "one", limits=WIDE)
    assert ledger.entries()[0].candidate == trained(2.0)
    enter(ledger, trained(2.0), "two", limits=WIDE)
    enter(ledger, trained(2.0), "three", limits=WIDE)
    assert 2.0 < ledger.spent("accounts", 30, 1e-5, now_ms=NOW) < 5.5
    enter(ledger, trained(2.0), "four", limits=WIDE)
    with pytest.raises(BudgetExhausted):
        enter(ledger, trained(5.5), "too much", limits=WIDE)
    assert ledger.spent("accounts", 30, 1e-5, now_ms=NOW) <= 6.0


def test_without_a_delta_training_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BudgetExhausted):
        enter(ledger, trained(0.1), "one", limits=replace(WIDE, delta_per_period=0.0))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(st.sampled_from([0.3, 1.0, 2.0]), st.sampled_from([0, 1, 20])), max_size=12))
def test_whatever_is_asked_the_composed_epsilon_never_exceeds_the_budget(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[float, int]]
) -> None:
    database = Database(tmp_path_factory.mktemp("ledger") / "node.db", migrations.FOLDER)
    ledger, whole = Ledger(database), renyi.nothing()
    for number, (epsilon, releases) in enumerate(asked):
        candidate = trained(epsilon, releases) if releases else replace(ASKED, epsilon=epsilon)
        try:
            enter(ledger, candidate, f"run {number}", limits=replace(WIDE, epsilon_per_period=3.0))
        except BudgetExhausted:
            continue
        whole = whole + (np.array(candidate.curve) if releases else renyi.pure(epsilon))
        simple = sum(each.candidate.epsilon for each in ledger.entries())
        assert min(renyi.epsilon(whole, 1e-5), simple) <= 3.0 + 1e-6
        assert ledger.spent("accounts", 30, 1e-5, now_ms=NOW) <= 3.0 + 1e-6
    database.close()


def among(choice: str, text: str = "roa of a") -> Candidate:
    return replace(ASKED, dataset="statements", function="benchmark", filter=f"{text}{AMONG}{choice}")


def test_means_around_one_firm_are_over_one_choice_of_firms(ledger: Ledger) -> None:
    enter(ledger, among("0 aa"), "one")
    enter(ledger, among("0 aa"), "two")
    enter(ledger, among("0 aa", f"roa of b{AMONG}0 bb"), "a subject with an odd name")
    for other in ("0 bb", "2023 aa"):
        with pytest.raises(DifferencingRefused, match="another choice of firms"):
            enter(ledger, among(other), "four")
    enter(ledger, replace(among("0 bb"), inputs=over("abcd", "2")), "other data")
    enter(ledger, replace(ASKED, dataset="statements", filter="segment = 'x'"), "no mean around a firm")


def test_means_of_different_years_do_not_meet(ledger: Ledger) -> None:
    enter(ledger, among("2022 aa"), "one")
    enter(ledger, among("2023 aa"), "two")
    with pytest.raises(DifferencingRefused):
        enter(ledger, among("2023 bb"), "three")
