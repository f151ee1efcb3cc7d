"""What a party says of its data before it trains: with noise, not even whether its rows are as many as its minimum."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from node import inputs
from steelyard.functions.catalogue import question
from steelyard.privacy.policy import parse
from steelyard.tables.schema import Column, Schema

POLICY = parse('functions = ["train"]\nrequesters = ["analyst"]\nminimum_rows = 50\ndropouts_in_training = true\n')


@pytest.mark.parametrize(("epsilon", "rows", "enough"), [("", 49, False), ("", 50, True), ("3", 50, False)])
def test_with_noise_nothing_is_said_of_the_number_of_rows(epsilon: str, rows: int, enough: bool) -> None:
    columns = tuple(Column(name=name, kind="integer") for name in ("default", "age"))
    held: Any = SimpleNamespace(name="credit", version="ab" * 16, rows=rows, schema=Schema(columns=columns))
    datasets: Any = SimpleNamespace(find=lambda name: held)
    features = [{"name": "age", "low": 18, "high": 90}]
    asked = question("train", {"dataset": "credit", "column": "default", "features": features, "epsilon": epsilon})
    offer = inputs.offer(datasets, None, POLICY, asked)  # type: ignore[arg-type]
    assert (offer.enough, offer.dropouts) == (enough, True)
