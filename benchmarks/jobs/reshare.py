"""Resharing from all holders but two to all."""

from __future__ import annotations

from typing import Final

from benchmarks.measure import Sample
from benchmarks.systems.stored import Chore, Stored


def act(it: Stored) -> Sample:
    threshold, parties = it.setting.threshold, list(it.parties)
    it.do("reshare", holders=parties[:-2], shares=threshold)
    it.whole()
    return it.timed(lambda: it.do("reshare", holders=parties, shares=threshold))


JOB: Final = Chore("reshare", "SIZE stored values per party to two more holders", act)
