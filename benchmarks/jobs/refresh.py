"""Refresh of a stored sharing."""

from __future__ import annotations

from typing import Final

from benchmarks.systems.stored import Chore

JOB: Final = Chore(
    "refresh", "new shares of SIZE stored values per party", lambda it: it.timed(lambda: it.do("refresh"))
)
