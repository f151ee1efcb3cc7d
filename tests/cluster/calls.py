"""Scenarios of firms without a node that answer a lender's call: for their ratios, and for nothing else."""

from __future__ import annotations

from typing import Final

from tests.cluster.encrypted import BOUND, plain
from tests.cluster.runner import COORDINATOR, Answer, Facts, Runner
from tests.cluster.scenarios import PATIENCE, dying, eventually

ITEMS: Final[Facts] = {
    "current_assets": 618_033.98,
    "total_assets": 2_414_213.56,
    "current_liabilities": 271_828.18,
    "total_liabilities": 1_000_000.56,
    "equity": 1_414_213.00,
    "retained_earnings": 57_721.56,
    "ebit": 173_205.08,
    "net_income": 141_421.35,
}
CURRENT: Final = ITEMS["current_assets"] / ITEMS["current_liabilities"]


def a_firm_without_a_node_answers_one_call_and_no_other(runner: Runner) -> None:
    call, before, owned = runner.put("one.call", ""), ids(runner), "bank-a-firm-0"
    more = ("--subjects", f"{owned},firm-x,firm-z", "--called", "firm-x,firm-z")
    made = asked(runner, "ratio", *more, "--ratios", "current,roa", "--call", call)
    assert made.data["called"] == ["firm-x", "firm-z"]
    assert ids(runner) == before  # nothing is computed yet
    said = answer(runner, call, "firm-x")
    assert said.data["told"]["ratios"]["current"]["value"] == f"{CURRENT:.4f}"
    assert {each["state"] for each in said.data["contribution"]["deliveries"]} == {"taken"}

    other = runner.put("other.call", "")
    asked(runner, "ratio", "--subject", "firm-x", "--ratios", "current,roa,debt_ratio", "--call", other)
    early = started(runner, other)
    assert (early.code, early.reason) == (8, "CONFLICT")
    assert "of: firm-x" in early.error["message"]
    unanswered = started(runner, other, "--partial")  # its consent was to the other call
    assert (unanswered.code, unanswered.reason) == (3, "NOT_FOUND")
    assert "firm-x has answered this call" in unanswered.error["message"]

    found = started(runner, call, "--partial").result
    firms = {each["subject"]: each for each in found["firms"]}
    assert {name: each["party"] for name, each in firms.items()} == {owned: "bank-a", "firm-x": "firm-x"}
    assert found["missing"] == ["firm-z"]
    for name, expected in ((owned, plain("current", owned)), ("firm-x", CURRENT)):
        assert abs(float(firms[name]["ratios"]["current"]["value"]) - expected) <= BOUND
    again = started(runner, call, "--partial")
    assert (again.code, again.reason) == (8, "CONFLICT")
    assert "make a new call" in again.error["message"]

    kept = runner.coordinator_state()
    assert b"61803398" not in kept
    assert b"618033.98" not in kept
    assert "618033" not in runner.logs(COORDINATOR)


def a_node_killed_after_the_answer_costs_nobody_the_answer(runner: Runner) -> None:
    call = runner.put("killed.call", "")
    asked(runner, "ratio", "--subject", "firm-k", "--ratios", "current", "--call", call)
    answer(runner, call, "firm-k")
    runner.kill("bank-a")
    try:
        refused = started(runner, call)
        assert (refused.code, refused.reason) == (5, "PARTY_MISSING")
        assert refused.names("bank-a")
    finally:
        runner.start("bank-a")
    [firm] = started(runner, call).result["firms"]
    assert abs(float(firm["ratios"]["current"]["value"]) - CURRENT) <= BOUND


def a_node_that_dies_in_the_middle_is_given_time_and_the_same_answer_serves(runner: Runner) -> None:
    call = runner.put("died.call", "")
    asked(runner, "ratio", "--subject", "firm-d", "--ratios", "current", "--call", call)
    answer(runner, call, "firm-d")
    with dying(runner, "encrypted inputs", "bank-a"):
        starting = runner.requesting("computation", "start", call, "--json", timeout=2 * PATIENCE)
        eventually(lambda: runner.died("bank-a"))
    found = Answer.of(starting.result(2 * PATIENCE))
    [firm] = found.result["firms"]
    assert abs(float(firm["ratios"]["current"]["value"]) - CURRENT) <= BOUND
    assert runner.show(found.data["computation"]).data["attempts"] > 1


def ids(runner: Runner) -> list[str]:
    return [each["id"] for each in runner.computations()]


def asked(runner: Runner, *arguments: str) -> Answer:
    found = Answer.of(runner.requester(*arguments, "--json"))
    assert found.code == 0, found.error
    return found


def answer(runner: Runner, call: str, firm: str) -> Answer:
    file = runner.put(f"{firm}.csv", statements_of(firm))
    arguments = ("contributor", "answer", call, "--party", firm, "--statements", file, "--yes", "--json")
    found = Answer.of(runner.requester(*arguments, timeout=180))
    assert found.code == 0, found.error
    return found


def statements_of(firm: str) -> str:
    """A file with one statement."""
    values = ",".join(f"{each:.2f}" for each in ITEMS.values())
    return f"firm,year,currency,{','.join(ITEMS)}\n{firm},2024,EUR,{values}\n"


def started(runner: Runner, call: str, *more: str) -> Answer:
    return Answer.of(runner.requester("computation", "start", call, "--timeout", "120", "--json", *more, timeout=150))
