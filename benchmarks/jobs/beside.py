"""A small sum while stored shares are refreshed; `idle` is the same without a refresh."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.jobs import refresh
from benchmarks.measure import Sample, Setting
from benchmarks.systems.stored import Stored
from clients.sdk.client import Client
from clients.sdk.owner import Owner

ENOUGH: Final = 5  # sums in one run


@dataclass(frozen=True)
class Asking:
    """The median of sums that are asked for one after the other, while something goes on or nothing does."""

    stored: Stored
    busy: bool

    def run(self) -> Sample:
        found: list[float] = []
        with ThreadPoolExecutor(1) as background, Client.from_profile(self.stored.local.root) as other:
            while len(found) < ENOUGH:
                going = background.submit(other.ask, "refresh", "@pool") if self.busy else None
                time.sleep(0.2)  # until it is under way
                while (going and not going.done()) or (not going and len(found) < ENOUGH):
                    found.append(self._one())
                if going:
                    going.result()
        self.stored.whole()
        return Sample(statistics.median(found))

    def _one(self) -> float:
        began = time.perf_counter()
        self.stored.client.sum("few.value")
        return time.perf_counter() - began


@dataclass(frozen=True)
class Beside:
    name: str = "beside"
    about: str = "a small sum, while SIZE stored values per party are refreshed, and while nothing is"
    size: int = 200_000
    runs: int = 3
    systems: tuple[str, ...] = ("steelyard", "idle")
    most: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Asking]:
        with refresh.JOB.open(system, replace(setting, job="refresh")) as doing, TemporaryDirectory() as folder:
            file = Path(folder) / "few.csv"
            file.write_text("\n".join(["value", *map(str, range(100))]))
            for party in doing.stored.parties:
                with Owner(doing.stored.local.root, party) as owner:
                    owner.import_dataset(file, "few")
            yield Asking(doing.stored, system == "steelyard")


JOB: Final = Beside()
