"""Restart of a node that keeps a share, until it is healthy."""

from __future__ import annotations

from typing import Final

from benchmarks.measure import Sample
from benchmarks.systems.stored import Chore, Stored
from clients.local import runner


def act(it: Stored) -> Sample:
    runner.kill(it.local, it.last.name)
    return it.timed(lambda: runner.start(it.local, it.last.name, print))


JOB: Final = Chore("restart", "a killed node with SIZE stored values per party, until it is healthy", act)
