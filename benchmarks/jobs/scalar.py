"""Latency: the sum of a column of a small table."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.exercise import Exercise
from benchmarks.inputs import Values
from benchmarks.measure import Setting
from benchmarks.rehearsal import rounds_of
from benchmarks.systems.steelyard import RUN_SECONDS
from clients.sdk.client import Client
from steelyard.functions.aggregate import Aggregate, Aggregation


def ask(client: Client, size: int) -> Values:
    result = client.sum("vectors.value", timeout=RUN_SECONDS)
    return np.array([] if result.total is None else [int(result.total)], dtype=np.int64)


def rounds(setting: Setting) -> int:
    return rounds_of(Aggregation("sum", Aggregate(dataset="vectors", column="value")), setting)


JOB: Final = Exercise(
    name="scalar",
    about="one number: the sum of a column with SIZE rows per party, through a connected client",
    size=100,
    runs=30,
    expected=lambda vectors: np.array([np.sum(vectors)]),
    ask=ask,
    rounds=rounds,
    mpyc="scalar",
)
