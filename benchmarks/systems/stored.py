"""A consortium whose nodes keep a sharing of vectors, and what is done to it by the SDK.

Time runs from the call of the SDK until it has its answer: every node has committed and erased, or given up.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks import inputs
from benchmarks.measure import Sample, Setting, WrongResult
from benchmarks.processes import bytes_sent, peak_rss
from benchmarks.systems.steelyard import PREFIX, RUN_SECONDS, consortium, import_data, node_pids
from clients.local import runner
from clients.local.layout import LocalConsortium, Program
from clients.sdk.client import Client
from clients.sdk.sharings import Sharing

POOL: Final = "@pool"


@dataclass
class Stored:
    """A sharing of as many values per party as the setting says, and a client."""

    setting: Setting
    local: LocalConsortium
    client: Client
    expected: inputs.Values = field(repr=False)

    @property
    def parties(self) -> tuple[str, ...]:
        return self.local.local().parties

    @property
    def last(self) -> Program:
        """The node that is ended, wiped and begun again."""
        return self.local.program(self.parties[-1])

    def do(self, function: str, **options: Any) -> None:
        self.client.ask(function, POOL, options=options, timeout=RUN_SECONDS)

    def timed(self, work: Callable[[], object]) -> Sample:
        """Of one thing that is done; the sharing is whole after it."""
        pids = node_pids(self.local)
        before, began = bytes_sent(pids), time.perf_counter()
        work()
        seconds, after = time.perf_counter() - began, bytes_sent(pids)
        sent = max(b - a for a, b in zip(before, after, strict=True)) if before and after else None
        return Sample(seconds, sent, None, peak_rss(node_pids(self.local)))

    def whole(self) -> Sharing:
        """Waits until no holder misses its share."""
        until = time.monotonic() + RUN_SECONDS
        while time.monotonic() < until:
            pool = self.client.sharing(POOL)
            if not pool.undecided and not pool.missing:
                return pool
            time.sleep(0.1)
        raise TimeoutError("the sharing did not become whole")

    def check(self) -> None:
        """Opens all of it; raises WrongResult."""
        found = self.client.sum(POOL, length=self.setting.size, timeout=RUN_SECONDS)
        if found.vector is None or not np.array_equal(found.vector, self.expected):
            raise WrongResult(f"{self.setting}: the stored values are not those that were shared")

    def wipe(self) -> None:
        """Its owner has lost a disk."""
        runner.kill(self.local, self.last.name)
        shutil.rmtree(self.last.home.path / "state")
        runner.start(self.local, self.last.name, print)


@dataclass(frozen=True)
class Chore:
    """A `measure.Job`: something that is done to a stored sharing.  `size` is of each party's vector."""

    name: str
    about: str
    act: Callable[[Stored], Sample]
    size: int = 200_000
    runs: int = 3
    systems: tuple[str, ...] = ("steelyard",)
    most: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Doing]:
        vectors = [inputs.vector(party, setting.size) for party in range(setting.parties)]
        with TemporaryDirectory(prefix=PREFIX) as folder, consortium(Path(folder), setting) as local:
            import_data(local, inputs.write(Path(folder) / "data", local.local().parties, vectors))
            with Client.from_profile(local.root) as client:
                client.ask("share", "vectors.value", options={"name": "pool", "vector": True}, timeout=RUN_SECONDS)
                yield Doing(self.act, Stored(setting, local, client, np.sum(vectors, axis=0)))


@dataclass(frozen=True)
class Doing:
    """A `measure.Contestant`."""

    act: Callable[[Stored], Sample]
    stored: Stored

    def run(self) -> Sample:
        sample = self.act(self.stored)
        self.stored.whole()
        self.stored.check()
        return sample
