"""Runs that alternate between systems, and the rows that become of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured; `size` is the number of values per party."""

    job: str
    parties: int
    threshold: int
    size: int

    def __str__(self) -> str:
        return f"{self.job} {self.threshold}-of-{self.parties}, size {self.size:,}"


@dataclass(frozen=True, slots=True)
class Sample:
    """One run.  None where a system has no such figure or the operating system does not tell.

    `bytes_sent` is what the busiest party sent, `peak_rss` is of the largest party's process since its start; bytes.
    """

    seconds: float
    bytes_sent: int | None = None
    rounds: int | None = None
    peak_rss: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What all runs of one system come to; `seconds` is the median."""

    job: str
    parties: int
    threshold: int
    size: int
    system: str
    seconds: float
    bytes_sent_per_party: int | None
    rounds: int | None
    peak_rss_mb: float | None

    @property
    def per_value(self) -> float:
        """Seconds."""
        return self.seconds / max(1, self.size)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Contestant(Protocol):
    """A system that stands ready, its processes started and its inputs in place."""

    def run(self) -> Sample:
        """Does the job once and checks the result; raises WrongResult, or TimeoutError after a bounded time."""


class WrongResult(Exception):
    """A system was fast, and wrong."""


class Job(Protocol):
    """What can be measured.  `size` and `runs` are the defaults, `systems` those that can do it.

    A system whose cost is linear but high is measured at no more than `most` values, and compared per value.
    """

    @property
    def name(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def runs(self) -> int: ...
    @property
    def systems(self) -> tuple[str, ...]: ...
    @property
    def most(self) -> Mapping[str, int]: ...

    def open(self, system: str, setting: Setting) -> AbstractContextManager[Contestant]:
        """Starts the system and, at the end, ends every process of it."""


def measure(job: Job, setting: Setting, systems: Sequence[str], runs: int, report: Report) -> list[Row]:
    """One row per system: all of them stand ready, warm up once, then take turns."""
    settings = {each: replace(setting, size=min(setting.size, job.most.get(each, setting.size))) for each in systems}
    with ExitStack() as stack:
        contestants = {}
        for system, its in settings.items():
            report(f"{its}: starting {system}")
            contestants[system] = stack.enter_context(job.open(system, its))
        samples = alternate(contestants, runs, lambda line: report(f"{setting}: {line}"))
    return [row(settings[system], system, found) for system, found in samples.items()]


def alternate(contestants: Mapping[str, Contestant], runs: int, report: Report) -> dict[str, list[Sample]]:
    """`runs` samples of each, in turn, after one run that does not count."""
    samples: dict[str, list[Sample]] = {system: [] for system in contestants}
    for contestant in contestants.values():
        contestant.run()
    for number in range(1, runs + 1):
        for system, contestant in contestants.items():
            samples[system].append(sample := contestant.run())
            report(f"run {number} of {runs}, {system} {sample.seconds:.4f} s")
    return samples


def row(setting: Setting, system: str, samples: Sequence[Sample]) -> Row:
    """The median of seconds and bytes; the most of rounds and memory."""
    peak = _over(max, [each.peak_rss for each in samples])
    sent = _over(statistics.median_high, [each.bytes_sent for each in samples])
    return Row(
        **asdict(setting),
        system=system,
        seconds=round(statistics.median(each.seconds for each in samples), 6),
        bytes_sent_per_party=sent,
        rounds=_over(max, [each.rounds for each in samples]),
        peak_rss_mb=None if peak is None else round(peak / 1e6, 1),
    )


def _over(pick: Callable[[Sequence[int]], int], figures: Sequence[int | None]) -> int | None:
    known = [each for each in figures if each is not None]
    return pick(known) if known else None
