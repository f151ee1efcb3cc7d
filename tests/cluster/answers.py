"""Scenarios of what is computed: totals, groups, vectors, one bit."""

from __future__ import annotations

from decimal import Decimal

from tests.cluster import samples
from tests.cluster.runner import COORDINATOR, PARTIES, Runner
from tests.cluster.scenarios import BALANCE, changed_policy, forms


def the_total_is_exact(runner: Runner) -> None:
    answer = runner.ask("sum", BALANCE)
    assert answer.result == {"total": samples.TOTAL}
    assert answer.data["parties"] == list(PARTIES)
    assert answer.data["verified"]
    assert answer.data["leakage"]


def a_filter_selects_rows_at_every_owner(runner: Runner) -> None:
    parts = [
        Decimal(runner.ask("sum", BALANCE, where=f"segment = '{segment}'").result["total"])
        for segment in ("retail", "corporate", "public")
    ]
    assert all(parts)
    assert sum(parts) == Decimal(samples.TOTAL)


def groups_add_up(runner: Runner) -> None:
    groups = runner.ask("sum", BALANCE, group_by="segment").result["groups"]
    assert [each["group"] for each in groups] == ["retail", "corporate", "public"]
    assert sum(Decimal(each["total"]) for each in groups) == Decimal(samples.TOTAL)


def a_mean_is_its_sum_by_its_count(runner: Runner) -> None:
    mean, count = runner.ask("mean", BALANCE).result, runner.ask("count", BALANCE).result
    assert mean["total"] == samples.TOTAL
    assert mean["count"] == count["count"] > 0
    assert abs(Decimal(mean["mean"]) * count["count"] - Decimal(samples.TOTAL)) < Decimal(1)


def the_threshold_check_tells_one_bit(runner: Runner) -> None:
    for limit, exceeded in (("10000", True), ("17499.99", True), (samples.TOTAL, False)):
        answer = runner.ask("exceeds", BALANCE, limit=limit)
        assert answer.result == {"exceeds": exceeded}
        assert samples.TOTAL not in str(answer.data["result"])
    with changed_policy(runner, "bank-c", "minimum_rows = 3", "minimum_rows = 3\nsearches_per_version = 3"):
        refused = runner.ask("exceeds", BALANCE, limit="15000")
        assert (refused.code, refused.reason) == (4, "BUDGET_EXHAUSTED")
    assert runner.ask("exceeds", BALANCE, limit="1.234").code == 2


def groups_are_compared_one_by_one(runner: Runner) -> None:
    answer = runner.ask("exceeds", BALANCE, limit="5000", group_by="segment")
    totals = {each["group"]: each["total"] for each in runner.ask("sum", BALANCE, group_by="segment").result["groups"]}
    for each in answer.result["groups"]:
        assert each["exceeds"] == (Decimal(totals[each["group"]]) > 5000)


def vectors_add_up_position_by_position(runner: Runner) -> None:
    vector = runner.ask("sum", "vectors.amount", length=samples.LENGTH).result["vector"]
    wanted = [sum(samples.vector(party, at) for party in PARTIES) for at in range(samples.LENGTH)]
    assert [Decimal(each) for each in vector] == wanted


def cells_over_too_few_rows_are_suppressed(runner: Runner) -> None:
    groups = runner.ask("count", "rare.amount", group_by="segment").result["groups"]
    assert groups[0] == {"group": "retail", "count": 3 * len(PARTIES)}
    assert groups[1] == {"group": samples.RARE, "count": None, "suppressed": True}
    alone = runner.ask("sum", "rare.amount", where=f"segment = '{samples.RARE}'").result
    assert alone == {"total": None, "suppressed": True}


def an_input_that_could_overflow_is_refused(runner: Runner) -> None:
    answer = runner.ask("sum", "huge.amount")
    assert (answer.code, answer.reason) == (2, "INVALID")
    assert "overflow" in answer.error["message"]


def no_figure_is_left_where_it_does_not_belong(runner: Runner) -> None:
    """Looks for every bank's own total, for its rows and for the sum: in logs and in all that the coordinator keeps."""
    totals = samples.marked_totals()
    answer = runner.ask("sum", "marked.amount")
    assert Decimal(answer.result["total"]) == sum(totals.values())
    rows = [each for figures in samples.MARKED.values() for each in figures]
    secrets = [form for figure in [*totals.values(), sum(totals.values(), Decimal(0)), *rows] for form in forms(figure)]
    kept = runner.coordinator_state()
    assert answer.data["computation"].encode() in kept  # we look at the right place
    logs = "".join(runner.logs(name) for name in (COORDINATOR, *PARTIES)).encode()
    assert b'"' in logs
    assert [each for each in secrets if each in kept or each in logs] == []


def every_owner_has_written_down_what_happened(runner: Runner) -> None:
    computation = _answered_at_once(runner)
    for party in PARTIES:
        audit = runner.audit(party)
        mine = [each["event"] for each in audit["entries"] if each["fields"].get("computation") == computation]
        assert audit["intact"]
        assert mine == ["asked", "released"]


def _answered_at_once(runner: Runner) -> str:
    """A sum's computation that took one attempt, in which nobody was late.

    On a busy machine one may take two attempts, each with a release, or end before the last node has released.
    """
    for _ in range(5):
        computation: str = runner.ask("sum", BALANCE).data["computation"]
        shown = runner.show(computation).data
        if shown["attempts"] == 1 and {each["state"] for each in shown["parties"]} == {"done"}:
            return computation
    raise AssertionError("five sums in turn took several attempts, or not everybody's part, each")
