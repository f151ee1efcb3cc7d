"""What a consortium does and what it survives, told once for every kind of runner.

Each scenario finds a whole consortium and leaves one; what it breaks it mends.  Names say what is true.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final, TypeVar

from tests.cluster import samples
from tests.cluster.runner import COORDINATOR, END, PARTIES, Answer, Facts, Runner

T = TypeVar("T")
Scenario = Callable[[Runner], None]
BALANCE: Final = "accounts.balance"
ENDED: Final = ("DONE", "REFUSED", "ABORTED")
PATIENCE: Final = 120.0  # seconds; a command that takes as long has hung


# --- what is refused


def a_column_that_no_policy_lists_is_refused(runner: Runner) -> None:
    answer = runner.ask("sum", "accounts.account")
    assert (answer.code, answer.reason) == (4, "POLICY_REFUSED")
    assert "column" in answer.error["message"]
    answer = runner.ask("sum", "marked.amount", where="account = 'bank-a-0001'")
    assert (answer.code, answer.reason) == (4, "POLICY_REFUSED")
    assert "filter column" in answer.error["message"]


def an_owner_alone_can_forbid(runner: Runner) -> None:
    with changed_policy(runner, "bank-c", '"analyst"', '"auditor"'):
        answer = runner.ask("sum", BALANCE)
        assert (answer.code, answer.reason) == (4, "POLICY_REFUSED")
        assert answer.names("bank-c")
    again(runner)


def a_group_below_an_owners_minimum_is_refused(runner: Runner) -> None:
    with changed_policy(runner, "bank-b", "minimum_group = 3", "minimum_group = 5"):
        answer = runner.ask("sum", BALANCE)
        assert (answer.code, answer.reason) == (4, "GROUP_TOO_SMALL")
    again(runner)


def an_owner_approves_by_hand(runner: Runner) -> None:
    with changed_policy(runner, "bank-b", '"automatic"', '"manual"'):
        asked = runner.asking("sum", BALANCE)
        [request] = eventually(lambda: runner.waiting("bank-b"))
        assert request["leakage"]
        assert not asked.done()
        assert runner.decide("bank-b", request["id"], approve=True).code == 0
        assert asked.result(PATIENCE).result == {"total": samples.TOTAL}
        assert runner.waiting("bank-b") == []


def an_owner_refuses_by_hand(runner: Runner) -> None:
    with changed_policy(runner, "bank-b", '"automatic"', '"manual"'):
        asked = runner.asking("sum", BALANCE)
        [request] = eventually(lambda: runner.waiting("bank-b"))
        assert runner.decide("bank-b", request["id"], approve=False).code == 0
        answer = asked.result(PATIENCE)
    assert (answer.code, answer.reason) == (4, "REFUSED")
    assert answer.names("bank-b")
    assert runner.show(request["id"]).data["state"] == "REFUSED"
    assert runner.decide("bank-b", request["id"], approve=True).code == 8


def strangers_are_not_spoken_to(runner: Runner) -> None:
    for target in (COORDINATOR, "bank-a", "bank-d"):
        assert runner.stranger(target, certificate=False) == 1
        assert runner.stranger(target, certificate=True) == 1


# --- what is survived


def a_dead_node_is_named_and_comes_back(runner: Runner) -> None:
    with dead(runner, "bank-d"):
        answer = runner.ask("sum", BALANCE)
        assert (answer.code, answer.reason) == (5, "PARTY_MISSING")
        assert answer.names("bank-d")
        assert newest(runner)["state"] == "ABORTED"
        left_out = runner.ask("sum", BALANCE, allow_missing=True)
        assert (left_out.code, left_out.reason) == (4, "DIFFERENCING_REFUSED")  # the full sum was released before
    again(runner)


def leaving_one_out_forbids_the_full_sum_until_the_data_changed(runner: Runner) -> None:
    column = "leaving.amount"
    with dead(runner, "bank-d"):
        three = runner.ask("sum", column, allow_missing=True)
        assert three.result == {"total": samples.owned_total(3)}
        assert (three.data["missing"], three.data["parties"]) == (["bank-d"], list(PARTIES[:3]))
    for function in ("sum", "mean"):
        refused = runner.ask(function, column)
        assert (refused.code, refused.reason) == (4, "DIFFERENCING_REFUSED")
    refused = runner.ask("sum", column, where="segment = 'retail'")
    assert (refused.code, refused.reason) == (4, "DIFFERENCING_REFUSED")
    for party in PARTIES[:3]:
        samples.write_owned(runner.data, party, "leaving", 2)
        assert runner.import_rows(party, "leaving").code == 0
    assert runner.ask("sum", column).result == {"total": f"{10 * (2 * 3 + 1)}.00"}


def importing_the_same_rows_again_is_no_change(runner: Runner) -> None:
    column = "returning.amount"
    with dead(runner, "bank-a"):
        assert runner.ask("sum", column, allow_missing=True).result == {"total": samples.owned_total(3)}
    for party in PARTIES:
        assert runner.import_rows(party, "returning").code == 0
    refused = runner.ask("sum", column)
    assert (refused.code, refused.reason) == (4, "DIFFERENCING_REFUSED")


def two_dead_nodes_are_too_many_to_leave_out(runner: Runner) -> None:
    with dead(runner, "bank-c"), dead(runner, "bank-d"):
        answer = runner.ask("sum", BALANCE, allow_missing=True)
        assert (answer.code, answer.reason) == (5, "PARTY_MISSING")
    again(runner)


def after_the_quorum_has_signed_a_dead_node_is_not_missed(runner: Runner) -> None:
    with dying(runner, END, "bank-d"):
        answer = runner.ask("sum", BALANCE)
        assert answer.result == {"total": samples.TOTAL}
        assert answer.data["verified"]
        assert newest(runner)["state"] == "DONE"
    again(runner)


def a_result_needs_no_more_nodes_than_the_threshold(runner: Runner) -> None:
    with dying(runner, END, "bank-b", "bank-d"):
        answer = runner.ask("sum", "vectors.amount", length=samples.LENGTH)
        assert len(answer.result["vector"]) == samples.LENGTH
        assert not answer.data["verified"]  # two replies are as many as it takes: a lie would go unnoticed
    again(runner)


def a_node_that_dies_while_rows_are_compared_is_named(runner: Runner) -> None:
    with dying(runner, "suppressed", "bank-d"):
        answer = runner.ask("sum", BALANCE, where="segment = 'retail'")
        assert answer.code == 5
        assert answer.names("bank-d")
    again(runner)


def a_node_that_dies_before_it_has_signed_is_named(runner: Runner) -> None:
    for step in ("deal", "check"):
        with dying(runner, step, "bank-c"):
            answer = runner.ask("sum", BALANCE)
            assert answer.code == 5, (step, answer)
            assert answer.names("bank-c"), (step, answer)
        again(runner)


def the_quorum_does_not_need_everybody(runner: Runner) -> None:
    """A party whose input was dealt and checked, and that dies before it signs, is in the total all the same."""
    with dying(runner, "vote", "bank-c"):
        answer = runner.ask("sum", BALANCE)
        assert answer.result == {"total": samples.TOTAL}
        assert answer.data["verified"]
    again(runner)


def a_node_killed_at_any_moment_leaves_a_result_or_a_name(runner: Runner) -> None:
    for delay in runner.moments[1:4]:
        asked = runner.asking("sum", BALANCE)
        time.sleep(delay)
        with dead(runner, "bank-c"):
            answer = asked.result(PATIENCE)
        assert answer.code in (0, 5), answer
        assert answer.code or answer.result == {"total": samples.TOTAL}
        assert answer.code == 0 or answer.names("bank-c")
        again(runner)


def a_frozen_node_hangs_nobody(runner: Runner) -> None:
    runner.freeze("bank-b")
    try:
        answer = runner.ask("sum", BALANCE, timeout=PATIENCE)
        assert answer.code == 5
        assert answer.names("bank-b")
        assert newest(runner)["state"] == "ABORTED"  # it is the computation that ended, not our patience
    finally:
        runner.thaw("bank-b")
    eventually(lambda: runner.ask("sum", BALANCE).code == 0)  # streams that broke meanwhile are opened again
    again(runner)


def a_node_frozen_while_it_computes_hangs_nobody(runner: Runner) -> None:
    asked = runner.asking("sum", "vectors.amount", length=samples.LENGTH)
    eventually(lambda: asked.done() or any(each["state"] not in ENDED for each in runner.computations()))
    runner.freeze("bank-b")
    try:
        answer = asked.result(PATIENCE + 30)
        assert newest(runner)["state"] in ("ABORTED", "DONE")
        assert answer.code == 0 or (answer.code == 5 and answer.names("bank-b"))
    finally:
        runner.thaw("bank-b")
    eventually(lambda: runner.ask("sum", BALANCE).code == 0)  # streams that broke meanwhile are opened again
    again(runner)


def a_coordinator_killed_at_any_moment_loses_nothing(runner: Runner) -> None:
    for delay in runner.moments:
        known = {each["id"] for each in runner.computations()}
        asked = runner.asking("sum", BALANCE)
        eventually(lambda: asked.done() or {each["id"] for each in runner.computations()} - known)  # noqa: B023
        time.sleep(delay)
        runner.kill(COORDINATOR)
        runner.start(COORDINATOR)
        answer = asked.result(PATIENCE + 30)
        assert answer.code == 0, answer
        assert answer.result == {"total": samples.TOTAL}
        assert newest(runner)["state"] == "DONE"
        assert runner.show(newest(runner)["id"]).result == {"total": samples.TOTAL}


def a_coordinator_killed_while_an_owner_thinks_asks_again(runner: Runner) -> None:
    with changed_policy(runner, "bank-b", '"automatic"', '"manual"'):
        asked = runner.asking("sum", BALANCE)
        [request] = eventually(lambda: runner.waiting("bank-b"))
        runner.kill(COORDINATOR)
        runner.start(COORDINATOR)
        assert runner.show(request["id"]).data["state"] not in ENDED
        assert runner.decide("bank-b", request["id"], approve=True).code == 0
        assert asked.result(PATIENCE).result == {"total": samples.TOTAL}


def a_partition_between_two_banks_is_named_and_heals(runner: Runner) -> None:
    runner.cut("bank-b", "bank-c")
    try:
        answer = runner.ask("sum", BALANCE, timeout=PATIENCE)
        assert answer.code == 5
        assert answer.names("bank-b") or answer.names("bank-c")
        assert newest(runner)["state"] == "ABORTED"
    finally:
        runner.mend("bank-b")
    again(runner)


def everybody_restarts_and_remembers(runner: Runner) -> None:
    before = runner.ask("sum", BALANCE).data["computation"]
    for name in (COORDINATOR, *PARTIES):
        runner.kill(name)
    for name in (*PARTIES, COORDINATOR):
        runner.start(name)
    until = time.monotonic() + PATIENCE
    while runner.show(before).data["state"] != "DONE" and time.monotonic() < until:
        time.sleep(0.1)  # it was killed between the answer and the disk: the nodes bring the same result once more
    assert runner.show(before).result == {"total": samples.TOTAL}
    again(runner)


# --- what scenarios are made of


def forms(figure: Decimal) -> Iterator[bytes]:
    """How a figure may be written: as money, in minor units, and as eight bytes."""
    minor = int(figure * 100)
    yield f"{figure}".encode()
    yield f"{minor}".encode()
    yield minor.to_bytes(8, "little")


@contextmanager
def dead(runner: Runner, party: str) -> Iterator[None]:
    runner.kill(party)
    try:
        yield
    finally:
        runner.start(party)


@contextmanager
def dying(runner: Runner, step: str, *parties: str) -> Iterator[None]:
    """Parties whose next attempt ends in a power cut at a step."""
    for party in parties:
        runner.kill_at(party, step)
    try:
        yield
        assert all(runner.died(party) for party in parties), f"nobody came to {step}"
    finally:
        for party in parties:
            runner.kill(party)
            runner.start(party)


@contextmanager
def changed_policy(runner: Runner, party: str, old: str, new: str) -> Iterator[None]:
    before = runner.policy(party)
    assert old in before
    runner.set_policy(party, before.replace(old, new))
    try:
        yield
    finally:
        runner.set_policy(party, before)


def newest(runner: Runner) -> Facts:
    return runner.computations()[0]


def again(runner: Runner) -> None:
    """The same question has the same answer."""
    answer: Answer = runner.ask("sum", BALANCE)
    assert answer.result == {"total": samples.TOTAL}


def eventually(look: Callable[[], T], seconds: float = PATIENCE) -> T:
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
    return found
