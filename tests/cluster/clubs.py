"""Scenario of set-off: firms without nodes cancel circles of debts."""

from __future__ import annotations

import json

from steelyard.setoff.obligations import Obligation, write
from tests.cluster.runner import Answer, Runner

AMOUNTS = (418_033, 271_828, 314_159)
DEBTS = [Obligation(str(at), *ends, AMOUNTS[at]) for at, ends in enumerate((("F1", "F2"), ("F2", "F3"), ("F3", "F1")))]


def circles_of_debts_are_cleared_and_each_firm_learns_its_own_part(runner: Runner) -> None:
    file = runner.put("debts.csv", write([*DEBTS, Obligation("9", "F4", "F1", 5)]))
    arguments = ("setoff", "run", "--obligations", file, "--round", "club", "--steps", "20", "--json")
    answer = Answer.of(runner.requester(*arguments, timeout=300))
    assert answer.code == 0, answer.error
    shown = answer.data
    assert (shown["total"], shown["cleared"], shown["firms_with_setoff"]) == (sum(AMOUNTS) + 5, 3 * min(AMOUNTS), 3)
    told = runner.requester("setoff", "notice", "--run", shown["id"], "--firm", "F2", "--format", "json")
    lines = {each["id"]: (each["amount"], each["cleared"]) for each in json.loads(told.out)}
    assert lines == {"0": (AMOUNTS[0], min(AMOUNTS)), "1": (AMOUNTS[1], min(AMOUNTS))}
    assert not any(str(amount).encode() in runner.coordinator_state() for amount in AMOUNTS)
    final = Answer.of(runner.requester("setoff", "finalise", shown["id"], "--json", timeout=120))
    assert final.data["final"]
    noted = [each["fields"] for each in runner.audit("bank-b")["entries"] if each["fields"].get("run") == shown["id"]]
    assert [each["result"] for each in noted] == [final.data["result"]]
