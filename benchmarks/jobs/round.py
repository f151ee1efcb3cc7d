"""One round of training: every party's update summed securely, and the sum known to all parties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.inputs import Values, vector
from benchmarks.measure import Setting
from benchmarks.systems import engine
from benchmarks.systems.parties import Parties


def total(setting: Setting) -> Values:
    values: Values = np.sum([vector(party, setting.size) for party in range(setting.parties)], axis=0)
    return values


@dataclass(frozen=True)
class RoundJob:
    name: str = "round"
    about: str = "one secure sum of SIZE parameters per party, as training takes it, opened to all parties"
    size: int = 100_000
    runs: int = 5
    systems: tuple[str, ...] = ("steelyard",)
    most: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Parties]:
        with engine.stand_ready("round", setting, total(setting)) as parties:
            yield parties


JOB: Final = RoundJob()
