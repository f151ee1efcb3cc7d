"""A model of all parties' rows, trained by sums alone: the same at all nodes, and better than anybody's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from protocols.consortium import Consortium
from protocols.training import Kept

from benchmarks.credit_data import Credit, german
from steelyard.digest import digest
from steelyard.documents.attempt import Contribution
from steelyard.errors import Conflict, GroupTooSmall, Invalid, PolicyRefused, SteelyardError
from steelyard.field import to_signed
from steelyard.functions.catalogue import question
from steelyard.functions.computation import compute
from steelyard.functions.means import Means
from steelyard.functions.question import Opening
from steelyard.functions.training_plan import Plan
from steelyard.ids import PartyId
from steelyard.learning import scoring
from steelyard.learning.model import Model
from steelyard.learning.model_file import read_model
from steelyard.learning.noise import Budget
from steelyard.learning.trainer import TrainerProcess
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import run_locally
from steelyard.secret import Secret
from steelyard.sharing.robust import open_robustly
from steelyard.tables.filter import Filter


@dataclass
class Kitchen:
    """One party's rows as a table, and what its node keeps."""

    columns: dict[str, Any]
    kept: Kept = field(default_factory=Kept)
    models: dict[str, bytes] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    asker: str = "analyst"

    @property
    def means(self) -> Means:
        trainer = lambda name: TrainerProcess([name], 60)  # noqa: E731
        return Means(
            checkpoints=self.kept, models=self, progress=self.lines.append, trainer=trainer, requester=self.asker
        )

    def requester(self, name: str) -> str:
        return read_model(self.models[name]).card.requester if name in self.models else ""

    def keep(self, name: str, model: bytes) -> None:
        self.models[name] = model

    def counts(self, filters: Sequence[Filter]) -> np.ndarray:
        return np.array([len(next(iter(self.columns.values())))], dtype=np.int64)

    def values(self, column: str, where: Filter) -> np.ndarray:
        return np.asarray(self.columns[column], dtype=np.int64)

    def texts(self, column: str, where: Filter) -> Sequence[str]:
        return list(self.columns[column])


def kitchens(credit: Credit, parties: int, names: tuple[str, ...]) -> list[Kitchen]:
    columns = {"target": credit.target, **{name: credit.columns[name] for name in names}}
    return [Kitchen({name: values[at::parties] for name, values in columns.items()}) for at in range(parties)]


CREDIT = german()
NAMES = ("duration_in_month", "credit_amount", "age_in_years", "status_of_existing_checking_account")
LIMITS = {"duration_in_month": (0, 72), "credit_amount": (0, 20_000), "age_in_years": (18, 80)}


def asked(limits: bool = False, **arguments: Any) -> Any:
    features = []
    for each in CREDIT.features:
        if each.name in NAMES:
            low, high = LIMITS.get(each.name, (0, 0)) if limits else (0, 0)
            features.append({"name": each.name, "groups": each.groups, "low": low, "high": high})
    return question("train", {"dataset": "credit", "column": "target", "features": features, **arguments})


def trained(
    consortium: Consortium, asking: Any, tables: Sequence[Kitchen | None], tamper: Any = None
) -> dict[PartyId, Any]:
    consortium.decimals = (0,) * len(asking.wanted.columns)
    protocols = {}
    for party, table in zip(consortium.parties, tables, strict=True):
        attempt = consortium.attempt(party)
        offer = consortium.offer(table is not None, bounds=(0,) * len(consortium.decimals) if table else ())
        protocols[party] = compute(
            attempt,
            asking,
            introduce(attempt, offer),
            Secret(asking.bring(table, 0)) if table else None,
            consortium.ledgers[party],
            SystemRandomness(),
            lambda identity, party=party: Keystream(digest("noise", party.encode(), identity.encode())),
            means=table.means if table else Means(requester="analyst"),
        )
    return run_locally(protocols, tamper)


def figures(consortium: Consortium, asking: Any, outcome: dict[PartyId, Any]) -> dict[str, Any]:
    for each in outcome.values():
        if isinstance(each, SteelyardError):
            raise each
    shares = {party: each.share for party, each in outcome.items()}
    opened = open_robustly(shares, consortium.points, consortium.threshold)
    brought = [Contribution(party, "", (), ()) for party in consortium.parties]
    return asking.figures(Opening(to_signed(opened.value), (), consortium.decimals, brought, consortium.threshold))


CHOICES = [
    {"model": "logistic"},
    {"model": "logistic", "strategy": "fedavg", "rounds": 5},
    {"model": "logistic", "strategy": "fedprox", "rounds": 4},
    {"model": "logistic", "strategy": "fedadam", "rounds": 15},
    {"model": "mlp", "rounds": 8, "ditto": 0.5},
    {"model": "gbdt", "trees": 12, "depth": 3},
    {"trainer": "scikit-learn", "rounds": 3},
]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda c: "-".join(map(str, c.values())))
def test_all_nodes_hold_the_same_model_and_the_requester_its_figures(choice: dict[str, Any]) -> None:
    consortium, tables = Consortium(4, 2), kitchens(CREDIT, 4, NAMES)
    asking = asked(**choice)
    found = figures(consortium, asking, trained(consortium, asking, tables))
    models = {table.models["model"] for table in tables}
    assert len(models) == 1
    model = read_model(models.pop())
    assert found["hash"] == model.digest.hex()
    assert found["auc"] == pytest.approx(model.card.quality["auc"], abs=1e-6)
    assert found["auc"] > 0.65
    assert found["rows"] + found["test_rows"] == 1000
    assert found["epsilon"] == 0
    assert all(line["parties"] == 4 for line in tables[0].lines)
    assert ("model_personal" in tables[0].models) == ("ditto" in choice)


def test_a_node_without_rows_takes_part_and_learns_the_model() -> None:
    consortium, tables = Consortium(5, 3), [*kitchens(CREDIT, 4, NAMES), None]
    asking = asked(rounds=4)
    assert figures(consortium, asking, trained(consortium, asking, tables))["auc"] > 0.65


def test_too_few_rows_are_no_training() -> None:
    consortium, tables = Consortium(3, 2, minimum_rows=2000), kitchens(CREDIT, 3, NAMES)
    outcome = trained(consortium, asked(), tables)
    assert {type(each) for each in outcome.values()} == {GroupTooSmall}


@pytest.mark.parametrize("model", ["logistic", "mlp", "gbdt"])
def test_with_epsilon_no_more_is_spent_than_was_asked_for(model: str) -> None:
    consortium, tables = Consortium(4, 2), kitchens(CREDIT, 4, NAMES)
    asking = asked(True, model=model, epsilon="4", rounds=5, trees=3, depth=2, bins=8)
    found = figures(consortium, asking, trained(consortium, asking, tables))
    assert asking.epsilon == 4
    assert 3.5 < found["epsilon"] <= 4
    card = read_model(tables[0].models["model"]).card
    assert (card.protects, card.delta) == ("record", 1e-5)
    assert tables[0].lines[-1]["epsilon_left"] == pytest.approx(4 - found["epsilon"], abs=1e-5)


def test_a_whole_party_is_protected_in_every_sum() -> None:
    """A party may have any number of rows: no sum may move with it by more than its sensitivity."""
    asking = asked(True, epsilon="8", protects="party", rounds=3)
    consortium, tables = Consortium(4, 2), kitchens(CREDIT, 4, NAMES)
    found = figures(consortium, asking, trained(consortium, asking, tables))
    assert 0 < found["epsilon"] <= 8
    assert read_model(tables[0].models["model"]).card.protects == "party"
    assert [line["step"] for line in tables[0].lines] == ["update 1", "update 2", "update 3", "final"]


@pytest.mark.parametrize("protects", ["record", "party"])
@pytest.mark.parametrize("model", ["logistic", "mlp", "gbdt"])
def test_no_neighbouring_data_move_a_sum_by_more_than_its_sensitivity(model: str, protects: str) -> None:
    if model == "gbdt" and protects == "party":
        return
    asking = asked(True, epsilon="4", protects=protects, model=model, rounds=3, trees=2, depth=2, bins=8)
    wanted, attempt = asking.wanted, Consortium(3, 2).attempt(PartyId("bank-a"))
    [table] = kitchens(CREDIT, 1, NAMES)
    fewer = Kitchen({name: values[1 if protects == "record" else 1000 :] for name, values in table.columns.items()})
    rows = [asking._records(asking.bring(each, 0), (0,) * 5) for each in (table, fewer)]
    budget = Budget(4.0, 1e-5, 100, 2)
    plan = Plan(wanted, wanted.strategy_of(True), attempt.participants, attempt, budget)
    runs = [plan.steps(each) for each in rows]
    sums: Any = None
    while True:
        try:
            one, other = [run.send(sums) for run in runs]
        except StopIteration:
            break
        assert one.name == other.name
        assert np.linalg.norm(one.values - other.values) <= one.sensitivity * (1 + 1e-9)
        sums = one.values


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": "3", "strategy": "newton"},
        {"epsilon": "3", "strategy": "fedavg"},
        {"epsilon": "3", "protects": "party", "strategy": "gradient"},
        {"model": "gbdt", "strategy": "fedavg"},
        {"model": "mlp", "strategy": "newton"},
        {"epsilon": "-1"},
        {"epsilon": "3", "delta": "0.5"},
        {"rounds": 0},
        {"trainer": "scikit-learn", "model": "mlp"},
        {"trainer": "scikit-learn", "strategy": "newton"},
        {"trainer": "../scikit-learn"},
        {"dataset": "@pool"},
        {"clip": 1e-300},
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_begins(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        asked(True, **wrong)


def test_noise_needs_limits() -> None:
    with pytest.raises(Invalid, match="limits"):
        asked(False, epsilon="3")


def test_a_run_that_was_broken_off_resumes_where_all_have_been() -> None:
    consortium, tables = Consortium(4, 2), kitchens(CREDIT, 4, NAMES)
    asking = asked(strategy="fedavg", rounds=6)
    steps = 0

    def killed(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        nonlocal steps
        steps += round_.step == "sum"
        return None if steps > 8 * 12 else message  # everything falls silent in the middle

    outcome = trained(consortium, asking, tables, killed)
    assert all(isinstance(each, SteelyardError) for each in outcome.values())
    kept = min(table.kept.latest() for table in tables)
    assert kept > 3
    for table in tables:
        table.lines.clear()
    found = figures(consortium, asking, trained(consortium, asking, tables))
    assert [line["resumed"] for line in tables[0].lines[: kept + 1]] == [True] * kept + [False]
    undisturbed = kitchens(CREDIT, 4, NAMES)
    assert figures(consortium, asking, trained(consortium, asking, undisturbed)) == found


def test_who_was_away_is_told_the_sums_it_missed_and_has_the_model_in_the_end() -> None:
    consortium, tables = Consortium(5, 3), kitchens(CREDIT, 5, NAMES)
    asking, away, steps = asked(strategy="fedavg", rounds=4), consortium.parties[2], 0

    def broken(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        nonlocal steps
        steps += round_.step == "sum" and sender == consortium.parties[0]
        silent = sender == away and steps > 2 * 4
        return None if silent or steps > 6 * 4 else message  # one stops, then all do

    trained(consortium, asking, tables, broken)
    reached = [table.kept.latest() for table in tables]
    assert 0 < reached[2] < min(reached[:2])
    found = figures(consortium, asking, trained(consortium, asking, tables))
    assert found["dropped"] == [away]
    assert len({table.models["model"] for table in tables}) == 1


def test_nodes_that_kept_different_sums_do_not_go_on() -> None:
    consortium, tables = Consortium(4, 2), kitchens(CREDIT, 4, NAMES)
    asking = asked(rounds=3)
    trained(consortium, asking, tables)
    for table in tables[:2]:
        table.kept.sums[1] = table.kept.sums[2]
    assert {type(each) for each in trained(consortium, asking, tables).values()} == {Conflict}


def test_one_party_that_stops_does_not_stop_the_others() -> None:
    consortium, tables = Consortium(5, 3), kitchens(CREDIT, 5, NAMES)
    asking, stopped, steps = asked(strategy="fedavg", rounds=4), consortium.parties[2], 0

    def stop(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        nonlocal steps
        steps += round_.step == "sum" and sender == stopped
        return None if sender == stopped and steps > 4 * 5 else message

    outcome = trained(consortium, asking, tables, stop)
    outcome.pop(stopped)
    assert figures(consortium, asking, outcome)["auc"] > 0.6
    assert tables[0].lines[-1]["parties"] == 4


def test_a_model_is_replaced_by_who_asked_for_it_and_nobody_else() -> None:
    consortium, tables = Consortium(3, 2), kitchens(CREDIT, 3, NAMES)
    for seed in (1, 2):
        asking = asked(rounds=2, seed=seed)
        figures(consortium, asking, trained(consortium, asking, tables))
        for table in tables:
            table.kept = Kept()
    for table in tables:
        table.asker = "somebody-else"
    outcome = trained(consortium, asked(rounds=2), tables)
    assert {type(each) for each in outcome.values()} == {PolicyRefused}
    assert len({table.models["model"] for table in tables}) == 1
    figures(consortium, again := asked(rounds=2, name="other"), trained(consortium, again, tables))


def test_the_model_predicts_from_its_file() -> None:
    consortium, tables = Consortium(3, 2), kitchens(CREDIT, 3, NAMES)
    asking = asked()
    figures(consortium, asking, trained(consortium, asking, tables))
    model: Model = read_model(tables[0].models["model"])
    order = [feature.name for feature in model.card.features]
    raw = np.concatenate(
        [
            np.array([[text == g for g in feature.groups] for text in CREDIT.columns[feature.name]], dtype=float)
            if feature.groups
            else np.asarray(CREDIT.columns[feature.name])[:, None]
            for feature in model.card.features
        ],
        axis=1,
    )
    assert set(order) == set(NAMES)
    p = model.predict(raw)
    assert ((p > 0) & (p < 1)).all()
    assert scoring.auc(p, CREDIT.target) > 0.7
    with pytest.raises(Invalid):
        model.predict(raw[:, 1:])
    with pytest.raises(Invalid):
        read_model(b"something else")
