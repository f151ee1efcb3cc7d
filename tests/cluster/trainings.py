"""Scenarios about training: a model of all parties' rows, what it costs, and what it survives."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Final

from tests.cluster import samples
from tests.cluster.runner import COORDINATOR, PARTIES, Answer, Runner
from tests.cluster.scenarios import PATIENCE, changed_policy, dead, eventually

FEATURES: Final = [
    {"name": "leverage", "low": 0, "high": 2},
    {"name": "margin", "low": -1, "high": 1},
    {"name": "days_late", "low": 0, "high": 180},
]
ROWS: Final = "minimum_rows = 3"


def train(runner: Runner, name: str, **options: object) -> Answer:
    epsilon = options.pop("epsilon", "")
    asked = {"features": FEATURES, "name": name, **options}
    return runner.ask("train", "credit.default", options=asked, epsilon=epsilon, timeout=PATIENCE)


def a_model_is_trained_and_stays_with_every_party(runner: Runner) -> None:
    found = train(runner, "first")
    assert found.result["auc"] > 0.75
    assert found.result["dropped"] == []
    kept = {party: runner.models(party) for party in PARTIES}
    assert {models["first"] for models in kept.values()} == {found.result["hash"]}
    assert train(runner, "second").result["auc"] == found.result["auc"]


def a_budget_that_would_be_exceeded_is_refused(runner: Runner) -> None:
    policy = "epsilon_per_period = 4.0\ndelta_per_period = 1e-5"
    for party in PARTIES:
        runner.set_policy(party, runner.policy(party).replace(ROWS, f"{ROWS}\n{policy}"))
    try:
        spent = train(runner, "noisy", epsilon="3", rounds=5)
        assert 0 < spent.result["epsilon"] <= 3
        refused = train(runner, "noisier", epsilon="3.5", rounds=5)
        assert (refused.code, refused.reason) == (4, "BUDGET_EXHAUSTED")
    finally:
        for party in PARTIES:
            runner.set_policy(party, samples.POLICY)


def without_a_delta_in_the_policy_there_is_no_noise_to_be_had(runner: Runner) -> None:
    with changed_policy(runner, "bank-b", ROWS, f"{ROWS}\nepsilon_per_period = 4.0"):
        refused = train(runner, "private", epsilon="1")
        assert (refused.code, refused.reason) == (4, "BUDGET_EXHAUSTED")


def a_node_killed_during_training_is_named_and_the_others_finish(runner: Runner) -> None:
    for name in ("early", "later", "late"):  # one that waits for the node may end meanwhile
        asked = runner.asking("train", "credit.default", timeout=PATIENCE, options=_long(name))
        _is_in_its_midst(runner, asked)
        with dead(runner, "bank-c"):
            answer = asked.result(PATIENCE + 30)
        if answer.code == 0 and answer.result["dropped"]:
            assert answer.result["dropped"] == ["bank-c"]
            assert name not in runner.models("bank-c")
            assert runner.recall("bank-c", name) == answer.result["hash"]
            assert runner.models("bank-c")[name] == answer.result["hash"]
            return
        assert answer.code in (0, 5), answer  # before the input set, or after the last sum
    raise AssertionError("no run was hit in its midst")


def a_coordinator_killed_during_training_resumes_it(runner: Runner) -> None:
    asked = runner.asking("train", "credit.default", timeout=PATIENCE, options=_long("resumed"))
    _is_in_its_midst(runner, asked)
    runner.kill(COORDINATOR)
    runner.start(COORDINATOR)
    answer = asked.result(PATIENCE + 30)
    assert answer.result["dropped"] == []
    assert answer.result["auc"] > 0.7


def without_consent_of_all_a_run_waits_for_who_was_killed_and_then_resumes(runner: Runner) -> None:
    """The node and the coordinator die in its midst; sums without the node would show its part."""
    with changed_policy(runner, "bank-b", "dropouts_in_training = true", "dropouts_in_training = false"):
        asked = runner.asking("train", "credit.default", timeout=PATIENCE, options=_long("waited"))
        while not [each for each in runner.computations() if each["state"] == "RUNNING"]:
            assert not asked.done(), asked.result()
            time.sleep(0.05)
        time.sleep(0.5)
        runner.kill("bank-c")
        runner.kill(COORDINATOR)
        runner.start(COORDINATOR)
        runner.start("bank-c")
        answer = asked.result(PATIENCE + 30)
    assert answer.result["dropped"] == []
    assert {runner.models(party)["waited"] for party in PARTIES} == {answer.result["hash"]}


def _is_in_its_midst(runner: Runner, asked: Future[Answer]) -> None:
    """Waits until it grows trees, however long it takes to come to that, or until it has ended."""

    def grows() -> bool:
        running = [each for each in runner.computations() if each["state"] == "RUNNING"]
        return any(party["step"].startswith("tree") for each in running for party in each["parties"])

    eventually(lambda: asked.done() or grows())


def _long(name: str) -> dict[str, object]:
    return {"features": FEATURES, "name": name, "model": "gbdt", "trees": 15, "depth": 3}
