"""Every scenario with every kind of runner that can play it."""

from __future__ import annotations

from typing import Final

import pytest

from tests.cluster import answers, calls, clubs, encrypted, keeping, markets, payments, relations, spread, trainings
from tests.cluster import scenarios as told
from tests.cluster.runner import Runner

# A handshake with a server that dies in its midst leaves a socket for the garbage collector; the ssl module's doing.
pytestmark = pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")

EVERYWHERE: Final = [  # a container takes seconds to start and to ask: there, only what is different there
    answers.the_total_is_exact,
    answers.the_threshold_check_tells_one_bit,
    answers.no_figure_is_left_where_it_does_not_belong,
    encrypted.ratios_of_all_firms_are_those_of_their_statements,
    calls.a_firm_without_a_node_answers_one_call_and_no_other,
    told.strangers_are_not_spoken_to,
    told.a_dead_node_is_named_and_comes_back,
    told.leaving_one_out_forbids_the_full_sum_until_the_data_changed,
    told.a_coordinator_killed_at_any_moment_loses_nothing,
    told.everybody_restarts_and_remembers,
    trainings.a_model_is_trained_and_stays_with_every_party,
    clubs.circles_of_debts_are_cleared_and_each_firm_learns_its_own_part,
    payments.queued_payments_settle_as_far_as_money_reaches,
    keeping.a_wiped_node_is_given_its_share_back,
]
ON_ONE_MACHINE: Final = [
    answers.a_filter_selects_rows_at_every_owner,
    answers.groups_add_up,
    answers.a_mean_is_its_sum_by_its_count,
    answers.groups_are_compared_one_by_one,
    spread.the_spread_is_that_of_all_rows_in_one_list,
    spread.without_the_median_no_row_is_dealt,
    spread.bins_over_too_few_rows_are_suppressed,
    relations.concentration_tells_neither_the_total_nor_parts,
    relations.columns_are_related_over_the_rows_of_all_parties,
    markets.two_sums_are_compared_and_neither_is_shown,
    markets.the_largest_are_named_in_order,
    markets.an_auction_clears_at_one_price_and_shows_no_order,
    encrypted.one_firm_s_ratio_takes_its_own_owner_s_consent_alone,
    encrypted.scores_by_a_private_model_are_its_own,
    encrypted.a_dead_owner_is_named_and_nothing_is_released,
    encrypted.a_ratio_whose_request_expires_before_its_owner_decides_is_never_told,
    encrypted.a_firm_learns_its_place_among_its_peers,
    calls.a_node_killed_after_the_answer_costs_nobody_the_answer,
    answers.vectors_add_up_position_by_position,
    answers.cells_over_too_few_rows_are_suppressed,
    answers.an_input_that_could_overflow_is_refused,
    trainings.a_budget_that_would_be_exceeded_is_refused,
    trainings.without_a_delta_in_the_policy_there_is_no_noise_to_be_had,
    trainings.a_node_killed_during_training_is_named_and_the_others_finish,
    trainings.a_coordinator_killed_during_training_resumes_it,
    trainings.without_consent_of_all_a_run_waits_for_who_was_killed_and_then_resumes,
    clubs.a_round_goes_on_where_it_was_when_a_node_was_killed,
    answers.every_owner_has_written_down_what_happened,
    told.a_column_that_no_policy_lists_is_refused,
    told.an_owner_alone_can_forbid,
    told.a_group_below_an_owners_minimum_is_refused,
    told.an_owner_approves_by_hand,
    told.an_owner_refuses_by_hand,
    told.importing_the_same_rows_again_is_no_change,
    told.two_dead_nodes_are_too_many_to_leave_out,
    told.a_node_killed_at_any_moment_leaves_a_result_or_a_name,
    told.a_coordinator_killed_while_an_owner_thinks_asks_again,
    keeping.what_is_shared_answers_without_its_owners_files,
    keeping.who_missed_a_refresh_is_named_left_out_and_recovered,
    keeping.holders_and_threshold_change_and_the_values_stay,
    keeping.with_as_many_holders_as_it_takes_shares_are_renewed_and_no_more,
    keeping.a_coordinator_killed_during_a_change_leaves_it_to_be_settled,
    keeping.what_cannot_be_done_is_refused_before_anything_changes,
]
WITH: Final = {  # scenarios that use what not every runner can do
    "kill_at": [
        told.after_the_quorum_has_signed_a_dead_node_is_not_missed,
        told.a_result_needs_no_more_nodes_than_the_threshold,
        told.a_node_that_dies_while_rows_are_compared_is_named,
        told.the_quorum_does_not_need_everybody,
        told.a_node_that_dies_before_it_has_signed_is_named,
        calls.a_node_that_dies_in_the_middle_is_given_time_and_the_same_answer_serves,
        keeping.a_refresh_in_which_a_node_dies_is_decided_when_it_is_back,
    ],
    "spoil": [keeping.a_wrong_share_is_named_and_replaced],
    "freeze": [told.a_frozen_node_hangs_nobody, told.a_node_frozen_while_it_computes_hangs_nobody],
    "cut": [told.a_partition_between_two_banks_is_named_and_heals],
}
PAIRS: Final = [pytest.param(power, each, id=each.__name__) for power, several in WITH.items() for each in several]


@pytest.mark.parametrize("scenario", EVERYWHERE, ids=lambda each: each.__name__)
def test_everywhere(runner: Runner, scenario: told.Scenario) -> None:
    scenario(runner)


@pytest.mark.parametrize("scenario", ON_ONE_MACHINE, ids=lambda each: each.__name__)
def test_on_one_machine(local_runner: Runner, scenario: told.Scenario) -> None:
    scenario(local_runner)


@pytest.mark.parametrize(("power", "scenario"), PAIRS)
def test_where_it_can_be_played(runner: Runner, power: str, scenario: told.Scenario) -> None:
    if power in runner.cannot:
        pytest.skip(f"{runner.kind}: {runner.cannot[power]}")
    scenario(runner)


def test_every_scenario_is_played() -> None:
    played = {*EVERYWHERE, *ON_ONE_MACHINE, *(each for several in WITH.values() for each in several)}
    told_here = {
        each
        for module in (told, answers, calls, clubs, encrypted, keeping, markets, payments, relations, spread, trainings)
        for each in vars(module).values()
        if callable(each) and getattr(each, "__annotations__", {}) == {"runner": "Runner", "return": "None"}
    }
    assert told_here - played == {told.again}
