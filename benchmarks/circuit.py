"""`Circuit`: arithmetic on shares, from shares to shares, as engines are compared with each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from benchmarks.inputs import Values
from benchmarks.measure import Contestant, Setting
from benchmarks.systems import engine, mpspdz, mpyc


@dataclass(frozen=True, slots=True)
class Circuit:
    """A `measure.Job`.

    program    its name in `systems.engine_programs`; in `systems.mpyc_party` and `systems.mpspdz`, too, for `peers`
    expected   what SIZE values come to, in the clear
    peers      other systems that can do it
    most       the largest size at which a system is measured
    delay      seconds that every message takes more to arrive; this project's engine only
    """

    name: str
    about: str
    size: int
    runs: int
    program: str
    expected: Callable[[int], Values]
    peers: tuple[str, ...] = ()
    most: Mapping[str, int] = field(default_factory=dict)
    delay: float = 0.0

    @property
    def systems(self) -> tuple[str, ...]:
        return ("steelyard", *self.peers)

    def open(self, system: str, setting: Setting) -> AbstractContextManager[Contestant]:
        expected = self.expected(setting.size)
        if system == "mpyc":
            return mpyc.stand_ready(self.program, setting, expected)
        if system in mpspdz.SYSTEMS:
            return mpspdz.stand_ready(mpspdz.SYSTEMS[system], self.program, setting, expected)
        return engine.stand_ready(self.program, setting, expected, self.delay)
