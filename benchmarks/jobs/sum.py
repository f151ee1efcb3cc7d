"""Position-wise sum of one vector per party."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.exercise import Exercise
from benchmarks.inputs import Values
from benchmarks.systems.steelyard import RUN_SECONDS
from clients.sdk.client import Client
from clients.sdk.questions import OnProgress


def ask(client: Client, size: int, on_progress: OnProgress) -> Values:
    result = client.sum("vectors.value", length=size, timeout=RUN_SECONDS, on_progress=on_progress)
    return np.empty(0, np.int64) if result.vector is None else result.vector


JOB: Final = Exercise(
    name="sum",
    about="the sum of SIZE-element vectors, position by position, to one receiver",
    size=10_000,
    runs=5,
    expected=lambda vectors: np.sum(vectors, axis=0),
    ask=ask,
    mpyc="sum",
)
