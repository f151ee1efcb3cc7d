"""This project as it is used: a local consortium with mutual TLS, policies, ledger and audit log, asked by the SDK.

Time runs from the call of the SDK until the opened values lie in the requester's memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from benchmarks import inputs
from benchmarks.inputs import Values
from benchmarks.measure import Sample, Setting, WrongResult
from benchmarks.processes import bytes_sent, peak_rss
from benchmarks.report import report
from clients.local import imports, runner
from clients.local.layout import LocalConsortium
from clients.local.prepare import party_names
from clients.sdk.client import Client
from clients.sdk.profile import Profile
from steelyard.privacy import policy

if TYPE_CHECKING:
    from benchmarks.exercise import Exercise

RUN_SECONDS: Final = 300.0
SEARCHES: Final = 1_000
PREFIX: Final = "steelyard-benchmark-"


@contextmanager
def stand_ready(exercise: Exercise, setting: Setting) -> Iterator[Asked]:
    """A consortium with the exercise's inputs imported, in a directory that is gone afterwards."""
    vectors = exercise.inputs(setting)
    with TemporaryDirectory(prefix=PREFIX) as folder, consortium(Path(folder), setting) as local:
        import_data(local, inputs.write(Path(folder) / "data", local.local().parties, vectors))
        with Client.from_profile(local.root) as client:
            yield Asked(
                exercise, setting, client, node_pids(local), exercise.expected(vectors), exercise.rounds(setting)
            )


def node_pids(local: LocalConsortium) -> list[int]:
    """The running nodes' process ids, without the coordinator's."""
    nodes = [each.process.pid for each in local.programs() if each.role == "node"]
    return [pid for pid in nodes if pid is not None]


@dataclass
class Asked:
    """A connected client of a consortium that stands ready."""

    exercise: Exercise
    setting: Setting
    client: Client
    nodes: Sequence[int]
    expected: Values = field(repr=False)
    rounds: int

    def run(self) -> Sample:
        before = bytes_sent(self.nodes)
        began = time.perf_counter()
        opened = self.exercise.ask(self.client, self.setting.size)
        seconds = time.perf_counter() - began
        if not np.array_equal(opened, self.expected):
            raise WrongResult(f"{self.setting}: steelyard's result is not the one in the clear")
        after = bytes_sent(self.nodes)
        sent = max(b - a for a, b in zip(before, after, strict=True)) if before and after else None
        return Sample(seconds, sent, self.rounds, peak_rss(self.nodes))


@contextmanager
def consortium(folder: Path, setting: Setting) -> Iterator[LocalConsortium]:
    local = LocalConsortium.at(folder / "consortium")
    try:
        runner.create(local, party_names(str(setting.parties)), setting.threshold)
        _let_compare(local)
        runner.up(local, report)
        yield local
    finally:
        if local.exists:
            runner.down(local)


def _let_compare(local: LocalConsortium) -> None:
    """Policies stay as they are, but for how often the same data may be compared."""
    for party in local.local().parties:
        path = local.root / "nodes" / party / "policy.toml"
        made = msgspec.structs.replace(policy.parse(path.read_text()), searches_per_version=SEARCHES)
        path.write_text(made.to_toml())


def import_data(local: LocalConsortium, data: Path) -> None:
    profile = Profile.open(local.root)
    imports.import_all(profile, imports.plan_imports(data, local.local().parties, report))
