"""Latency with a comparison in it: whether the sum of a column of a small table is greater than a limit."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.exercise import Exercise
from benchmarks.inputs import Values
from benchmarks.measure import Setting
from benchmarks.rehearsal import rounds_of
from benchmarks.systems.steelyard import RUN_SECONDS
from clients.sdk.client import Client
from steelyard.functions.exceeds import Exceeds, Limit

LIMIT: Final = 0


def ask(client: Client, size: int) -> Values:
    result = client.exceeds("vectors.value", limit=str(LIMIT), timeout=RUN_SECONDS)
    return np.array([] if result.exceeds is None else [int(result.exceeds)], dtype=np.int64)


def rounds(setting: Setting) -> int:
    return rounds_of(Exceeds("exceeds", Limit(dataset="vectors", column="value", limit=str(LIMIT))), setting)


JOB: Final = Exercise(
    name="exceeds",
    about="one bit: whether the sum of a column with SIZE rows per party exceeds a limit, through a connected client",
    size=100,
    runs=30,
    expected=lambda vectors: np.array([int(np.sum(vectors) > LIMIT)]),
    ask=ask,
    rounds=rounds,
)
