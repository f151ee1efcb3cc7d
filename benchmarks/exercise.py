"""`Exercise`: a secure computation over one vector per party, which several systems can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from benchmarks.inputs import Values, vector
from benchmarks.measure import Contestant, Setting
from benchmarks.systems import mpyc, steelyard
from clients.sdk.client import Client


@dataclass(frozen=True, slots=True)
class Exercise:
    """A `measure.Job`.

    expected   what the parties' vectors come to, in the clear
    ask        the same through the service: (client, size) to the opened values
    rounds     of messages between the nodes, until each holds its share of the result
    mpyc       name of the program in `systems.mpyc_party`; empty where there is none
    """

    name: str
    about: str
    size: int
    runs: int
    expected: Callable[[Sequence[Values]], Values]
    ask: Callable[[Client, int], Values]
    rounds: Callable[[Setting], int]
    mpyc: str = ""
    most: Mapping[str, int] = field(default_factory=dict)

    @property
    def systems(self) -> tuple[str, ...]:
        return ("steelyard", "mpyc") if self.mpyc else ("steelyard",)

    def inputs(self, setting: Setting) -> list[Values]:
        return [vector(party, setting.size) for party in range(setting.parties)]

    def open(self, system: str, setting: Setting) -> AbstractContextManager[Contestant]:
        if system == "mpyc":
            return mpyc.stand_ready(self.mpyc, setting, self.expected(self.inputs(setting)))
        return steelyard.stand_ready(self, setting)
