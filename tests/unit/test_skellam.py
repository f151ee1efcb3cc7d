"""Noise is the distribution that was calibrated for, and what it costs is never more than was asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, get_epsilon_gaussian
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import iv

from steelyard.digest import digest
from steelyard.errors import BudgetExhausted, Invalid, PolicyRefused
from steelyard.learning.asking import Ask
from steelyard.learning.noise import Budget
from steelyard.privacy import renyi
from steelyard.privacy.renyi import Sensitivity
from steelyard.privacy.skellam import MAX_VARIANCE, skellam, variance_drawn
from steelyard.randomness import Keystream


def stream(*label: object) -> Keystream:
    return Keystream(digest("test", repr(label).encode()))


@pytest.mark.parametrize("variance", [1, 7, 400])
def test_samples_are_distributed_as_skellam_variables(variance: int) -> None:
    drawn = skellam(variance, 100_000, stream(variance))
    reach = int(3 * math.sqrt(variance)) + 1
    inner = np.arange(-reach, reach + 1)
    law = stats.skellam(variance / 2, variance / 2)
    expected = np.concatenate([[law.cdf(-reach - 1)], law.pmf(inner), [law.sf(reach)]]) * drawn.size
    found = np.bincount(np.clip(drawn, -reach - 1, reach + 1) + reach + 1, minlength=inner.size + 2)
    assert stats.chisquare(found, expected * (drawn.size / expected.sum())).pvalue > 1e-3


def test_the_table_is_the_law_to_the_last_bit_that_can_be_checked() -> None:
    from steelyard.privacy.skellam import _table

    table, lowest = _table(50)
    outcomes = np.arange(lowest, lowest + table.size)
    assert np.allclose(table / 2.0**64, stats.skellam(25, 25).cdf(outcomes), rtol=1e-9, atol=1e-12)
    assert (np.diff(table.astype(object)) >= 0).all()


def test_wide_noise_is_a_sum_of_draws_of_the_same_variance() -> None:
    variance = 5 * MAX_VARIANCE + 3
    assert variance <= variance_drawn(variance) < variance + 8
    drawn = skellam(variance, 20_000, stream("wide"))
    assert drawn.std() == pytest.approx(math.sqrt(variance), rel=0.02)
    assert stats.kstest(drawn / math.sqrt(variance), "norm").pvalue > 1e-3


def test_parts_of_several_parties_add_up_to_the_whole() -> None:
    total = sum(skellam(100, 50_000, stream("part", party)) for party in range(4))
    law = stats.skellam(200, 200)
    values, counts = np.unique(np.clip(total, -60, 60), return_counts=True)
    expected = law.pmf(values)
    expected[0], expected[-1] = law.cdf(-60), law.sf(59)
    assert stats.chisquare(counts, expected / expected.sum() * counts.sum()).pvalue > 1e-3


@pytest.mark.parametrize("variance", [0, -1, 1 << 60])
def test_an_impossible_variance_is_refused(variance: int) -> None:
    with pytest.raises(Invalid):
        skellam(variance, 1, stream())


def test_the_cost_of_wide_noise_is_a_gaussian_s() -> None:
    cost = 10 * renyi.skellam_cost(Sensitivity(1000.0, 1000.0), (5 * 1000.0) ** 2)
    accountant = RdpAccountant(list(renyi.ORDERS)).compose(GaussianDpEvent(5.0), 10)
    assert renyi.epsilon(cost, 1e-5) == pytest.approx(accountant.get_epsilon(1e-5), rel=1e-3)


@given(st.integers(1, 40), st.integers(1, 6))
def test_the_bound_is_above_the_true_divergence(shift: int, order: int) -> None:
    """In one dimension, where it can be worked out."""
    variance, a = 400, order + 1
    law, outcomes = stats.skellam(200, 200), np.arange(-600, 600)
    logs = a * law.logpmf(outcomes - shift) - (a - 1) * law.logpmf(outcomes)
    finite = logs[np.isfinite(logs)]
    true = np.logaddexp.reduce(finite) / (a - 1)
    bound = renyi.skellam_cost(Sensitivity(float(shift), float(shift)), variance)[renyi.ORDERS.index(a)]
    assert true <= bound * (1 + 1e-6)


@given(st.floats(0.01, 3))
def test_releases_without_a_delta_compose_with_the_others(each: float) -> None:
    assert renyi.epsilon(renyi.pure(each), 1e-9) <= each + 0.01
    assert renyi.epsilon(100 * renyi.pure(each), 1e-5) <= 100 * each + 0.01


def test_many_small_releases_cost_less_than_their_sum() -> None:
    assert renyi.epsilon(1000 * renyi.pure(0.02), 1e-5) < 5


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.2, 10),
    st.sampled_from([1e-3, 1e-5, 1e-8]),
    st.integers(1, 300),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(1, 5000), st.floats(0.1, 10)), min_size=1, max_size=6),
)
def test_epsilon_is_never_exceeded(
    epsilon: float, delta: float, releases: int, sharers: int, shapes: list[tuple[int, float]]
) -> None:
    budget, made = Budget(epsilon, delta, releases, sharers), 0
    while made < releases:
        size, norm = shapes[made % len(shapes)]
        plan = budget.plan(Ask("sum", np.zeros(size), 100.0, sensitivity=norm))
        budget.take(plan)
        made += 1
        if made > 20 and made < releases - 1 and releases > 40:  # the rest at once
            budget.cost, budget.made, made = budget.cost + plan.cost * (releases - 1 - made), releases - 1, releases - 1
    assert budget.spent <= epsilon
    assert budget.spent >= 0.8 * epsilon  # nor is it wasted
    with pytest.raises(BudgetExhausted):
        budget.take(plan)
    # Even a Gaussian of the drawn variance, accounted exactly, would not do with much more.
    assert get_epsilon_gaussian(budget.multiplier / math.sqrt(releases), delta) <= epsilon


def test_noise_in_the_sum_is_what_was_planned_whoever_drops_out() -> None:
    budget = Budget(2.0, 1e-5, 10, sharers=3)
    ask = Ask("sum", np.zeros(30_000), 10.0, sensitivity=1.0)
    plan = budget.plan(ask)
    parts = [budget.encode(ask, plan, 5, stream("party", party)) for party in range(5)]
    for there in (3, 4, 5):
        deviation = np.sum(parts[:there], axis=0).std() / plan.scale
        assert deviation == pytest.approx(budget.multiplier * 1.05 * math.sqrt(there / 3), rel=0.08)
        assert deviation >= budget.multiplier * math.sqrt(there / 3) * 0.98


def test_a_sum_of_unknown_sensitivity_is_not_released_with_noise() -> None:
    with pytest.raises(PolicyRefused):
        Budget(1.0, 1e-5, 1, 2).plan(Ask("sum", np.zeros(3), 1.0))
    with pytest.raises(PolicyRefused):
        Budget(1.0, 1e-5, 1, 0)


@pytest.mark.parametrize("order", [1.1, 1.5, 2.5, 3.7])
def test_between_whole_orders_the_bound_is_a_chord_and_above_the_true_divergence(order: float) -> None:
    """The published bound is of whole orders; what lies between follows from convexity alone."""
    at, sensitivity, variance = renyi.ORDERS.index(order), Sensitivity(1.0, 1.0), 4.0
    cost = renyi.skellam_cost(sensitivity, variance)
    low, high = int(order), int(order) + 1
    ends = [(each - 1) * cost[renyi.ORDERS.index(float(each))] if each > 1 else 0.0 for each in (low, high)]
    assert (order - 1) * cost[at] == pytest.approx((high - order) * ends[0] + (order - low) * ends[1])
    k = np.arange(-60, 61)
    law = np.exp(-variance) * iv(k, variance)
    shifted = np.exp(-variance) * iv(k - 1, variance)
    true = np.log(np.sum(law**order * shifted ** (1 - order))) / (order - 1)
    assert true <= cost[at]
