"""Scenario of netting: banks' queued payments settle against each other, and each bank learns its own part."""

from __future__ import annotations

from tests.cluster.runner import Answer, Runner

PAYMENTS = """id,payer,payee,amount
1,north,south,41803398
2,south,west,27182818
3,west,north,31415926
4,north,west,99999999
"""
BALANCES = "bank,balance\nnorth,10387472\nsouth,0\nwest,4233108\n"


def queued_payments_settle_as_far_as_money_reaches(runner: Runner) -> None:
    files = [runner.put(name, text) for name, text in (("payments.csv", PAYMENTS), ("balances.csv", BALANCES))]
    arguments = ("netting", "run", "--payments", files[0], "--balances", files[1], "--json")
    answer = Answer.of(runner.requester(*arguments, timeout=300))
    assert answer.code == 0, answer.error
    amounts = (41_803_398, 27_182_818, 31_415_926)
    assert (answer.result["settled"], answer.result["held"]) == (str(sum(amounts)), "99999999")
    told = Answer.of(
        runner.requester("netting", "notice", "--run", answer.data["computation"], "--bank", "north", "--json")
    )
    assert [each["released"] for each in told.data["payments"]] == [True, False]
    assert int(told.data["balance"]) == 10_387_472 - amounts[0] + amounts[2]
    assert not any(str(amount).encode() in runner.coordinator_state() for amount in amounts)
