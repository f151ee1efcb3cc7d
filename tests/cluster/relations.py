"""Scenarios of concentration, correlation and regression."""

from __future__ import annotations

from decimal import Decimal

from tests.cluster import samples
from tests.cluster.runner import PARTIES, Runner
from tests.cluster.scenarios import BALANCE


def concentration_tells_neither_the_total_nor_parts(runner: Runner) -> None:
    answer = runner.ask("hhi", BALANCE)
    assert answer.result == {"hhi": "0.418776"}  # of 10000, 1500, 1000 and 5000
    assert samples.TOTAL not in str(answer.data["result"])
    groups = runner.ask("hhi", BALANCE, group_by="segment").result["groups"]
    assert all(Decimal("0.25") <= Decimal(each["hhi"]) <= 1 for each in groups)


def columns_are_related_over_the_rows_of_all_parties(runner: Runner) -> None:
    explained = runner.ask("regress", "loans.loss", options={"on": ["income", "age"]})
    assert [each["coefficient"] for each in explained.result["coefficients"]] == ["2.5", "3", "-0.5"]
    assert (explained.result["r2"], explained.result["count"]) == ("1", 6 * len(PARTIES))
    assert explained.data["column"] == "loss,income,age"
    unrelated = runner.ask("correlate", "loans.income", options={"other": "age"}).result
    assert unrelated == {"correlation": "0", "count": 6 * len(PARTIES)}
    refused = runner.ask("regress", "loans.loss", options={"on": ["income", "secret"]})
    assert (refused.code, refused.reason) == (4, "POLICY_REFUSED")
    assert "secret" in refused.error["message"]
