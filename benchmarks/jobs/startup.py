"""How long `steelyard local up` takes to make a consortium and to find it healthy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.command import steelyard
from benchmarks.measure import Sample, Setting, WrongResult
from benchmarks.processes import peak_rss
from benchmarks.systems.steelyard import PREFIX, node_pids
from clients.local import runner
from clients.local.layout import LocalConsortium

SECONDS: Final = 90.0


@dataclass(frozen=True)
class Startup:
    """Everything is made anew in every run: keys, certificates, manifest, databases."""

    setting: Setting

    def run(self) -> Sample:
        with TemporaryDirectory(prefix=PREFIX) as folder:
            local = LocalConsortium.at(Path(folder) / "consortium")
            try:
                return self._up(local)
            finally:
                if local.exists:
                    runner.down(local)

    def _up(self, local: LocalConsortium) -> Sample:
        counts = ("--parties", str(self.setting.parties), "--threshold", str(self.setting.threshold))
        seconds, shown = steelyard("local", "up", "--dir", str(local.root), *counts, "--json", seconds=SECONDS)
        processes = json.loads(shown)["processes"]
        if len(processes) != self.setting.parties + 1 or not all(each["healthy"] for each in processes):
            raise WrongResult("steelyard local up returned before everything was healthy")
        return Sample(seconds, peak_rss=peak_rss(node_pids(local)))


@dataclass(frozen=True)
class StartupJob:
    name: str = "startup"
    about: str = "steelyard local up until every process is healthy; size does not matter"
    size: int = 0
    runs: int = 3
    systems: tuple[str, ...] = ("steelyard",)
    most: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Startup]:
        yield Startup(setting)


JOB: Final = StartupJob()
