"""One round of training in which a party's process is killed: how long until all others know the sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.inputs import digest, vector
from benchmarks.jobs.round import total
from benchmarks.measure import Sample, Setting, WrongResult
from benchmarks.systems import engine


@dataclass(frozen=True)
class Killed:
    """Parties are started anew in every run; the last one dies, in the sum or out of it."""

    setting: Setting

    def run(self) -> Sample:
        whole, victim = total(self.setting), self.setting.parties - 1
        allowed = {digest(whole), digest(whole - vector(victim, self.setting.size))}
        with engine.stand_ready("round_killed", self.setting, whole) as parties:
            answers = parties.without_last()
        if len({each["digest"] for each in answers} - allowed) or len({each["digest"] for each in answers}) > 1:
            raise WrongResult(f"{self.setting}: the survivors do not know their sum")
        return Sample(max(each["seconds"] for each in answers), rounds=answers[0]["rounds"])


@dataclass(frozen=True)
class KilledJob:
    name: str = "round_killed"
    about: str = "as round, with a party killed in it, until all others know the sum over those who are left"
    size: int = 100_000
    runs: int = 3
    systems: tuple[str, ...] = ("steelyard",)
    most: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Killed]:
        yield Killed(setting)


JOB: Final = KilledJob()
