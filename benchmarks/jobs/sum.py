"""Position-wise sum of one vector per party."""

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
    result = client.sum("vectors.value", length=size, timeout=RUN_SECONDS)
    return np.empty(0, np.int64) if result.vector is None else result.vector


def rounds(setting: Setting) -> int:
    return rounds_of(Aggregation("sum", Aggregate(dataset="vectors", column="value", length=1)), setting)


JOB: Final = Exercise(
    name="sum",
    about="the sum of SIZE-element vectors, position by position, to one receiver",
    size=10_000,
    runs=5,
    expected=lambda vectors: np.sum(vectors, axis=0),
    ask=ask,
    rounds=rounds,
    mpyc="sum",
)
