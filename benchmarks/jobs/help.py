"""How long `steelyard --help` takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.command import steelyard
from benchmarks.measure import Sample, Setting, WrongResult

SECONDS: Final = 30.0


class Help:
    """Nothing to prepare."""

    def run(self) -> Sample:
        seconds, shown = steelyard("--help", seconds=SECONDS)
        if "steelyard local up" not in shown:
            raise WrongResult("this is not the help of steelyard")
        return Sample(seconds)


@dataclass(frozen=True)
class HelpJob:
    name: str = "help"
    about: str = "steelyard --help, from the shell; parties, threshold and size do not matter"
    size: int = 0
    runs: int = 10
    systems: tuple[str, ...] = ("steelyard",)
    most: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Help]:
        yield Help()


JOB: Final = HelpJob()
