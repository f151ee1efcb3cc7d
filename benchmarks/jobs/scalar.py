"""Latency: the sum of a column of a small table."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.exercise import Exercise
from benchmarks.inputs import Values
from benchmarks.systems.steelyard import RUN_SECONDS
from clients.sdk.client import Client
from clients.sdk.questions import OnProgress


def ask(client: Client, size: int, on_progress: OnProgress) -> Values:
    result = client.sum("vectors.value", timeout=RUN_SECONDS, on_progress=on_progress)
    return np.array([] if result.total is None else [int(result.total)], dtype=np.int64)


JOB: Final = Exercise(
    name="scalar",
    about="one number: the sum of a column with SIZE rows per party, through a connected client",
    size=100,
    runs=30,
    expected=lambda vectors: np.array([np.sum(vectors)]),
    ask=ask,
    mpyc="scalar",
)
