"""Scenarios about how values are spread: what a consortium computes from all rows of all parties."""

from __future__ import annotations

from tests.cluster import samples
from tests.cluster.runner import PARTIES, Runner

COLUMN = "rare.amount"  # 1, 2 and 3 at every party, and one row of 777


def the_spread_is_that_of_all_rows_in_one_list(runner: Runner) -> None:
    assert len(PARTIES) == 4
    answer = runner.ask("stats", COLUMN, options={"quantiles": ["0.1", "0.9"]})
    figures = {"count": 13, "mean": "61.615385", "std": "214.947877", "min": "1.00", "max": "777.00"}
    assert answer.result == figures | {"median": "2.00", "quantiles": {"0.1": "1.00", "0.9": "3.00"}}
    assert any("a single row" in leak["what"] for leak in answer.data["leakage"])
    alone = runner.ask("stats", COLUMN, where=f"segment = '{samples.RARE}'").result
    assert alone == dict.fromkeys((*figures, "median")) | {"suppressed": True}


def without_the_median_no_row_is_dealt(runner: Runner) -> None:
    answer = runner.ask("stats", COLUMN, options={"median": False})
    assert set(answer.result) == {"count", "mean", "std", "min", "max"}
    assert not any("deals" in leak["what"] for leak in answer.data["leakage"])


def bins_over_too_few_rows_are_suppressed(runner: Runner) -> None:
    bins = runner.ask("histogram", COLUMN, options={"edges": ["2", "3.00", "100"]}).result["bins"]
    assert [each["count"] for each in bins] == [len(PARTIES)] * 3 + [None]
    assert bins[-1] == {"from": "100", "below": None, "count": None, "suppressed": True}
    assert runner.ask("histogram", COLUMN, options={"edges": ["3", "2"]}).code == 2
