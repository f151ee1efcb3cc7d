"""Recovery of the share of a node whose disk is lost; the refresh that follows is not in it."""

from __future__ import annotations

from typing import Final

from benchmarks.measure import Sample
from benchmarks.systems.stored import Chore, Stored


def act(it: Stored) -> Sample:
    it.wipe()
    return it.timed(lambda: it.do("recover", party=it.last.name))


JOB: Final = Chore("recover", "the lost share of SIZE stored values per party", act)
