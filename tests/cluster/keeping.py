"""Scenarios about what stays with the nodes in shares: it answers, is renewed, given back, handed on and checked.

Each shares the same column under a name of its own and forgets it at the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.cluster import samples
from tests.cluster.runner import COORDINATOR, PARTIES, Facts, Runner
from tests.cluster.scenarios import ENDED, PATIENCE, again, dead, dying, eventually

KEPT: Final = "kept.amount"
QUESTIONS: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("sum", {}),
    ("count", {}),
    ("mean", {}),
    ("exceeds", {"limit": "39.99"}),
    ("stats", {"options": {"quantiles": ["0.5"]}}),
    ("histogram", {"options": {"edges": ["0", "2", "100"]}}),
    ("hhi", {}),
    ("top", {"options": {"count": 2}}),
)


def a_wiped_node_is_given_its_share_back(runner: Runner) -> None:
    """It brings nothing of its own, so that its owner's data need not be imported again afterwards."""
    three = samples.owned_total(3)
    runner.kill("bank-b")
    runner.lend("bank-b")
    runner.start("bank-b")
    try:
        with shared(runner, "wiped", "lost.amount") as name:
            assert runner.keep("refresh", name).result["epoch"] == 2
            total(runner, name, three)
            runner.kill("bank-b")
            runner.wipe("bank-b")
            runner.start("bank-b")
            eventually(lambda: whole(runner, name) == ["bank-b"])
            total(runner, name, three)  # of the others' shares
            give_back(runner, name, "bank-b")
            total(runner, name, three)
    finally:
        runner.kill("bank-b")
        runner.give_back("bank-b")
        runner.start("bank-b")
    again(runner)


def what_is_shared_answers_without_its_owners_files(runner: Runner) -> None:
    before = [runner.ask(function, KEPT, **asked).result for function, asked in QUESTIONS]
    with shared(runner, "orphan", KEPT) as name:
        for party in PARTIES:
            runner.forget_dataset(party, "kept")
        try:
            assert runner.ask("sum", KEPT).code
            for (function, asked), expected in zip(QUESTIONS, before, strict=True):
                answer = runner.ask(function, f"@{name}", **asked)
                assert answer.result == expected, function
        finally:
            for party in PARTIES:
                assert runner.import_rows(party, "kept").code == 0


def who_missed_a_refresh_is_named_left_out_and_recovered(runner: Runner) -> None:
    with shared(runner, "missed", KEPT) as name:
        with dead(runner, "bank-d"):
            renewed = runner.keep("refresh", name).result
            assert (renewed["epoch"], renewed["holders"]) == (2, 3)
        eventually(lambda: whole(runner, name) == ["bank-d"])
        answer = runner.ask("sum", f"@{name}")
        assert answer.result == {"total": samples.owned_total(4)}
        give_back(runner, name, "bank-d")
        total(runner, name, samples.owned_total(4))


def holders_and_threshold_change_and_the_values_stay(runner: Runner) -> None:
    with shared(runner, "moved", KEPT) as name:
        for holders, threshold in ((PARTIES[:3], 2), (PARTIES, 3), (PARTIES[1:], 3), (PARTIES, 2)):
            done = runner.keep("reshare", name, holders=list(holders), shares=threshold)
            assert (done.result["holders"], done.result["threshold"]) == (len(holders), threshold)
            assert eventually(lambda: list(known(runner, name)["holders"]) == list(holders))  # noqa: B023
            total(runner, name, samples.owned_total(4))


def with_as_many_holders_as_it_takes_shares_are_renewed_and_no_more(runner: Runner) -> None:
    """3 of 3: there is no share too many by which a lost or a wrong one could be made up for."""
    with shared(runner, "narrow", KEPT) as name:
        assert runner.keep("reshare", name, holders=list(PARTIES[:3]), shares=3).code == 0
        eventually(lambda: whole(runner, name) == [])
        assert runner.keep("refresh", name).result["epoch"] == 3
        assert runner.ask("sum", f"@{name}").result == {"total": samples.owned_total(4)}
        for refused in (runner.keep("audit", name), runner.keep("recover", name, party="bank-b")):
            assert refused.code == 2, refused
            assert "n = k" in refused.error["message"]


def a_wrong_share_is_named_and_replaced(runner: Runner) -> None:
    with shared(runner, "spoilt", KEPT) as name:
        assert runner.keep("audit", name).code == 0
        runner.spoil("bank-c", name)
        found = runner.keep("audit", name)
        assert (found.code, found.reason) == (6, "CHEATED")
        assert list(found.error["culprits"]) == ["bank-c"]
        give_back(runner, name, "bank-c")
        assert runner.keep("audit", name).code == 0
        total(runner, name, samples.owned_total(4))


def a_refresh_in_which_a_node_dies_is_decided_when_it_is_back(runner: Runner) -> None:
    """It dies with its vote on its disk, and nobody else has heard it: meanwhile the shares of before answer."""
    with shared(runner, "decided", KEPT) as name:
        with dying(runner, "change vote", "bank-d"):
            refreshing = runner.asking("refresh", f"@{name}")
            eventually(lambda: runner.died("bank-d"))
            answer = runner.ask("sum", f"@{name}")
            assert answer.result == {"total": samples.owned_total(4)}
        refreshing.result(PATIENCE + 30)
        eventually(lambda: known(runner, name)["epoch"] >= 2)
        eventually(lambda: whole(runner, name) == [])
        total(runner, name, samples.owned_total(4))


def a_coordinator_killed_during_a_change_leaves_it_to_be_settled(runner: Runner) -> None:
    with shared(runner, "settled", KEPT) as name:
        for delay in runner.moments[:4]:
            before = {each["id"] for each in runner.computations()}
            refreshing = runner.asking("refresh", f"@{name}")
            eventually(lambda: refreshing.done() or {each["id"] for each in runner.computations()} - before)  # noqa: B023
            time.sleep(delay)
            runner.kill(COORDINATOR)
            runner.start(COORDINATOR)
            assert refreshing.result(PATIENCE + 30).code == 0
            eventually(lambda: whole(runner, name) == [])
            total(runner, name, samples.owned_total(4))
        assert all(each["state"] in ENDED for each in runner.computations())


def what_cannot_be_done_is_refused_before_anything_changes(runner: Runner) -> None:
    with shared(runner, "asked", KEPT) as name:
        taken = runner.keep("share", name, column=KEPT)
        assert (taken.code, taken.reason) == (8, "CONFLICT")
        for options in ({"holders": ["bank-a", "bank-x"], "shares": 2}, {"holders": list(PARTIES), "shares": 5}):
            assert runner.keep("reshare", name, **options).code == 2
        assert runner.keep("recover", name, party="bank-x").code == 2
        assert runner.keep("reshare", name, holders=list(PARTIES[:2]), shares=2).code == 2
        assert runner.keep("refresh", "nothing").code == 3
        assert runner.ask("sum", f"@{name}.balance").code == 4
        assert runner.ask("sum", f"@{name}", where="segment = 'retail'").code == 2
        assert known(runner, name)["epoch"] == 1


@contextmanager
def shared(runner: Runner, name: str, column: str) -> Iterator[str]:
    made = runner.keep("share", name, column=column)
    assert made.result["epoch"] == 1, made
    eventually(lambda: whole(runner, name) == [])
    yield name
    eventually(lambda: runner.keep("forget", name).code == 0)
    eventually(lambda: all(each["name"] != name for each in runner.sharings()))


def known(runner: Runner, name: str) -> Facts:
    """What the nodes say of a sharing together."""
    return next(each for each in runner.sharings() if each["name"] == name)


def whole(runner: Runner, name: str) -> list[str] | None:
    """Who misses a share; None while something is undecided."""
    found = next((each for each in runner.sharings() if each["name"] == name), None)
    return None if found is None or found["undecided"] else list(found["missing"])


def total(runner: Runner, name: str, expected: str = samples.TOTAL) -> None:
    answer = runner.ask("sum", f"@{name}")
    assert answer.result == {"total": expected}


def give_back(runner: Runner, name: str, party: str) -> None:
    eventually(lambda: runner.keep("recover", name, party=party).code == 0)
    eventually(lambda: runner.keep("refresh", name).code == 0)
    eventually(lambda: whole(runner, name) == [])
