"""What is trained by sums is as good as what is trained in one place, and better than what each has alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from benchmarks.credit_data import Credit, german, gmsc
from scripts.make_credit_example import FOLDER, files
from steelyard.errors import BudgetExhausted, Conflict, GroupTooSmall, Invalid
from steelyard.learning import encoding, scaling, scoring
from steelyard.learning.asking import Ask, Floats, together
from steelyard.learning.averaging import Averaging
from steelyard.learning.boosting import Boosting, Forest
from steelyard.learning.descent import Descent
from steelyard.learning.drawn import Drawn
from steelyard.learning.network import Network
from steelyard.learning.newton import Newton
from steelyard.learning.records import Feature, Records, normal, records
from steelyard.learning.scaling import Prepared
from steelyard.learning.strategy import LEAST_SAMPLE, Place, Strategy, Trained
from steelyard.privacy import renyi

Data = Callable[[], Credit]
german, gmsc = cache(german), cache(gmsc)
Out = list[tuple[Prepared, Trained]]


def trained(parts: list[Records], strategy: Strategy) -> Out:
    def steps(part: Records, at: int) -> Any:
        rows = yield from scaling.standardised(part)
        return rows, (yield from strategy.steps(rows, Place(at, len(parts), 7)))

    return together([steps(part, at) for at, part in enumerate(parts)])


def scores(found: Trained, x: Floats) -> Floats:
    if found.kind == "gbdt":
        return Forest.of(found.arrays).scores(x)
    return Network(x.shape[1], int(found.arrays["hidden"])).scores(found.arrays["weights"], x)


def test_rows(out: Out) -> tuple[Floats, Floats]:
    return np.concatenate([rows.test_x for rows, _ in out]), np.concatenate([rows.test_y for rows, _ in out])


test_rows.__test__ = False  # type: ignore[attr-defined]


def training_rows(out: Out) -> tuple[Floats, Floats]:
    return np.concatenate([rows.x for rows, _ in out]), np.concatenate([rows.y for rows, _ in out])


def auc(out: Out) -> float:
    x, y = test_rows(out)
    return scoring.auc(scores(out[0][1], x), y)


@pytest.mark.parametrize(("data", "parties"), [(german, 5), (gmsc, 10)])
def test_newton_is_the_pooled_fit(data: Data, parties: int) -> None:
    out = trained(data().unlike(parties), Newton())
    x, y = test_rows(out)
    pooled = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(*training_rows(out))
    assert round(auc(out), 4) == round(scoring.auc(pooled.decision_function(x), y), 4)
    assert np.allclose(out[0][1].arrays["weights"][:-1], pooled.coef_[0], atol=2e-3)


@pytest.mark.parametrize(("data", "parties"), [(german, 5), (gmsc, 10)])
def test_boosting_is_as_good_as_lightgbm_on_pooled_rows(data: Data, parties: int) -> None:
    out = trained(data().unlike(parties), Boosting(trees=100))
    x, y = test_rows(out)
    pooled = lightgbm.LGBMClassifier(verbose=-1, random_state=1, n_jobs=1).fit(*training_rows(out))
    assert auc(out) >= scoring.auc(pooled.predict(x, raw_score=True), y) - 0.005


@pytest.mark.parametrize(("data", "parties"), [(german, 5), (gmsc, 10)])
def test_the_common_model_is_better_than_the_mean_of_those_trained_alone(data: Data, parties: int) -> None:
    out = trained(data().unlike(parties), Newton())
    x, y = test_rows(out)
    alone = [
        scoring.auc(LogisticRegression(max_iter=2000).fit(rows.x, rows.y).decision_function(x), y)
        if len(set(rows.y)) > 1
        else 0.5
        for rows, _ in out
    ]
    assert auc(out) >= np.mean(alone) + 0.03


@pytest.mark.parametrize(
    "strategy",
    [
        Averaging(rounds=20),
        Averaging(rounds=20, proximal=0.1),
        Averaging(rounds=30, server="adam"),
        Averaging(rounds=20, hidden=8),
        Averaging(rounds=20, sample=0.6),
        Descent(rounds=60, clip=5.0),
        Descent(rounds=60, hidden=4, clip=5.0),
    ],
    ids=lambda s: f"{type(s).__name__} {getattr(s, 'server', '')}{s.hidden or ''}{getattr(s, 'proximal', '') or ''}",
)
def test_averaging_and_descent_come_close_to_the_pooled_fit(strategy: Any) -> None:
    out = trained(german().unlike(5), strategy)
    assert auc(out) > 0.75
    assert all(np.array_equal(each.arrays["weights"], out[0][1].arrays["weights"]) for _, each in out)
    assert out[0][1].history[-1]["auc"] == pytest.approx(auc(out), abs=4e-3)  # looks have wide cells


def test_parties_of_many_unlike_rows_do_not_drift_apart() -> None:
    """From hardly any defaults to every second row: long steps would undo each other."""
    assert auc(trained(gmsc().unlike(10), Averaging(rounds=8, hidden=8))) > 0.82


def example() -> Credit:
    frame = pl.concat([pl.read_csv(path) for path in sorted(FOLDER.glob("*/credit.csv"))])
    limits = {"leverage": (0, 2), "current_ratio": (0, 20), "margin": (-1, 1), "interest_cover": (-20, 50)}
    limits |= {"days_late": (0, 180), "years": (0, 100)}
    features = tuple(Feature(name, (), *ends) for name, ends in limits.items())
    columns = {name: frame[name].cast(pl.Float64).to_numpy() for name in limits}
    return Credit(features, columns, frame["default"].cast(pl.Float64).to_numpy())


@pytest.mark.parametrize(("strategy", "least"), [(Drawn(), 0.8), (Descent(30), 0.78)], ids=["gbdt", "gradient"])
def test_with_noise_a_model_is_still_worth_having(strategy: Any, least: float) -> None:
    """On 1,280 rows, with the noise of epsilon 3 at delta 1e-5."""
    noise = renyi.multiplier(3.0, 1e-5, strategy.releases + 2)
    running = scaling.limited(example().whole(0.25), counted=False)
    with pytest.raises(StopIteration) as ended:
        next(running)
    rows = ended.value.value
    rows = replace(rows, scaling=replace(rows.scaling, rows=1280.0))
    steps = strategy.steps(rows, Place(0, 5, 1, noise))
    ask, count = next(steps), 0
    while True:
        count += 1
        drawn = normal(ask.values.size, "a test's noise", count) * noise * ask.sensitivity
        try:
            ask = steps.send(ask.values + drawn)
        except StopIteration as end:
            found = end.value
            break
    assert count == strategy.releases
    assert scoring.auc(scores(found, rows.test_x), rows.test_y) > least


def test_training_twice_gives_the_same_bits() -> None:
    one, other = (trained(german().unlike(3), Averaging(rounds=3, hidden=4))[0][1] for _ in range(2))
    assert np.array_equal(one.arrays["weights"], other.arrays["weights"])


def test_a_party_that_is_different_does_better_with_weights_of_its_own() -> None:
    parts = german().unlike(4)
    odd = parts[0]
    parts[0] = Records(odd.features, odd.raw, 1 - odd.target, odd.test)  # the opposite of all others
    out = trained(parts, Averaging(rounds=20, ditto=0.05))
    rows, found = out[0]
    assert found.personal is not None
    own = Network(rows.x.shape[1]).scores(found.personal["weights"], rows.test_x)
    common = scores(found, rows.test_x)
    assert scoring.loss(own, rows.test_y).mean() < scoring.loss(common, rows.test_y).mean() - 0.05


def test_it_stops_early_and_keeps_the_best_weights() -> None:
    out = trained(german().unlike(3), Averaging(rounds=200, hidden=16, rate=0.5, patience=3))
    found = out[0][1]
    assert found.rounds < 200
    losses = [line["loss"] for line in found.history]
    x, y = test_rows(out)
    assert scoring.loss(scores(found, x), y).mean() == pytest.approx(min(losses), abs=1e-5)


def test_gradients_are_right_and_clipped_row_by_row() -> None:
    for network in (Network(3), Network(3, 4)):
        weights = network.first(5) + 0.1
        x, y = np.linspace(-2, 2, 30).reshape(10, 3), np.array([0.0, 1.0] * 5)
        gradient = network.gradient(weights, x, y)
        for at in range(network.size):
            step = np.zeros(network.size)
            step[at] = 1e-6
            up, down = (scoring.loss(network.scores(weights + s, x), y).sum() for s in (step, -step))
            assert gradient[at] == pytest.approx((up - down) / 2e-6, abs=1e-4)
        rows = [network.gradient(weights, x[i : i + 1], y[i : i + 1]) for i in range(10)]
        cut = sum(row * min(1, 0.3 / np.linalg.norm(row)) for row in rows)
        assert np.allclose(network.gradient(weights, x, y, 0.3), cut)


def test_scores_of_sums_are_those_of_rows() -> None:
    x, y = test_rows(out := trained(gmsc().unlike(3), Newton(rounds=4)))
    exact = scores(out[0][1], x)
    found = scoring.quality(scoring.histograms(exact, y), float(scoring.loss(exact, y).sum()))
    assert found.auc == pytest.approx(scoring.auc(exact, y), abs=2e-4)
    p = scoring.sigmoid(exact)
    ks = max(abs((p[y == 0] <= t).mean() - (p[y == 1] <= t).mean()) for t in np.quantile(p, np.linspace(0, 1, 400)))
    assert found.ks == pytest.approx(ks, abs=5e-3)
    assert len(found.calibration) == scoring.CALIBRATION
    assert sum(o for _, o in found.calibration) / 10 == pytest.approx(y.mean(), abs=5e-3)


def test_nothing_is_cut_off_silently() -> None:
    ask = Ask("gradient", np.array([1.0, -3.0]), 2.0)
    with pytest.raises(Invalid, match="1 of 2 values"):
        encoding.encode(ask, encoding.scale(2.0, 5), 5)
    with pytest.raises(Invalid):
        encoding.encode(Ask("gradient", np.array([np.nan]), 2.0), 1.0, 5)
    with pytest.raises(Invalid, match="would not fit"):
        encoding.encode(Ask("gradient", np.array([1.0]), 2.0), 2.0**57, 5)
    with pytest.raises(Invalid):
        trained(german().unlike(3), Averaging(rounds=60, rate=5e4))[0]


@given(st.floats(1e-6, 1e14), st.integers(1, 31), st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_encoded_numbers_come_back_to_the_last_bit_of_the_scale(bound: float, parties: int, parts: list[float]) -> None:
    scale = encoding.scale(bound, parties)
    ask = Ask("sum", np.array(parts) * bound, bound)
    whole = encoding.encode(ask, scale, parties)
    assert parties * (int(np.abs(whole).max()) + 1) < 2**59
    assert np.allclose(encoding.decode(whole, scale), ask.values, atol=1 / scale, rtol=1e-12)


def test_a_bound_without_precision_is_refused() -> None:
    for bound in (2.0**57, 0.0, float("inf")):
        with pytest.raises(Invalid):
            encoding.scale(bound, 3)


def test_every_sum_stays_within_its_declared_bound_for_wild_rows() -> None:
    wild = np.concatenate([np.full(999, 1.0), [1e11]])
    features = [Feature("wild"), Feature("same"), Feature("group", ("a", "b"))]
    columns = {"wild": wild, "same": np.full(1000, 3.0), "group": ["a", "b"] * 500}
    y = (np.arange(1000) % 3 == 0).astype(float)
    for strategy in (Newton(rounds=3), Boosting(trees=2), Averaging(rounds=2, rate=0.001)):
        part = records(features, columns, y, 0.2, 1)

        def steps(part: Records = part, strategy: Any = strategy) -> Any:
            rows = yield from scaling.standardised(part)
            yield from strategy.steps(rows, Place(0, 3, 1))

        running, sums = steps(), None
        while True:
            try:
                ask = running.send(sums)
            except StopIteration:
                break
            assert np.abs(ask.values).max() <= ask.bound
            sums = ask.values


def test_texts_outside_the_groups_and_odd_targets_are_refused() -> None:
    feature = Feature("sector", ("trade",))
    with pytest.raises(Invalid, match="groups"):
        records([feature], {"sector": ["farming"]}, np.array([1.0]), 0.2, 1)
    with pytest.raises(Invalid, match="target"):
        records([feature], {"sector": ["trade"]}, np.array([2.0]), 0.2, 1)
    with pytest.raises(Invalid):
        records([Feature("n")], {"n": np.array([np.nan])}, np.array([1.0]), 0.2, 1)
    few = records([Feature("n")], {"n": np.array([1.0, 2.0])}, np.array([1.0, 0.0]), 0.0, 1)
    with pytest.raises(GroupTooSmall):
        together([scaling.standardised(few)])


def test_parties_that_ask_for_different_sums_are_told() -> None:
    parts = german().unlike(2)
    with pytest.raises(Conflict):
        together([scaling.standardised(parts[0]), Newton().steps(_prepared(parts[1]), Place(1, 2, 1))])


def _prepared(part: Records) -> Prepared:
    width = len(part.names)
    return scaling.prepared(part, scaling.Scaling(np.zeros(width), np.ones(width), np.ones(width), 100.0))


def test_a_sample_of_the_parties_is_the_same_for_all_and_never_fewer_than_three() -> None:
    for round_ in range(50):
        chosen = [Place(me, 10, 3).sampled(0.1, round_) for me in range(10)]
        assert sum(chosen) == LEAST_SAMPLE
    often = np.sum([[Place(me, 10, 3).sampled(0.5, r) for me in range(10)] for r in range(400)], axis=0)
    assert often.min() > 150
    assert often.max() < 250


def test_the_example_is_what_its_script_writes() -> None:
    assert {path: (FOLDER / path).read_text("utf-8") for path in files()} == files()


def test_budget_is_refused_not_overdrawn() -> None:
    from steelyard.learning.noise import Budget

    budget = Budget(1.0, 1e-5, 2, 2)
    plan = budget.plan(Ask("sum", np.zeros(4), 1.0, sensitivity=1.0))
    budget.take(plan)
    budget.take(plan)
    with pytest.raises(BudgetExhausted):
        budget.take(plan)
