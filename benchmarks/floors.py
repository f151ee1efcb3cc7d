"""What is good enough, and whether it was reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.measure import Row, Setting

OURS: Final = "steelyard"
PEER: Final = "mpyc"
IDLE: Final = "idle"  # the same while nothing else goes on


@dataclass(frozen=True, slots=True)
class Floor:
    """Limits for this project's row: `seconds` and `peak_mb` at most, `times` faster than MPyC at least.

    `times_idle`: at most so many times what it takes while nothing else goes on.
    """

    setting: Setting
    seconds: float | None = None
    times: float | None = None
    peak_mb: float | None = None
    times_idle: float | None = None

    @property
    def systems(self) -> tuple[str, ...]:
        peer = (PEER,) if self.times is not None else ()
        return (OURS, *peer, *((IDLE,) if self.times_idle is not None else ()))

    def __str__(self) -> str:
        parts = [
            f"at least {self.times:g}x" if self.times is not None else "",
            f"at most {self.seconds:g} s" if self.seconds is not None else "",
            f"at most {self.peak_mb:g} MB" if self.peak_mb is not None else "",
            f"at most {self.times_idle:g}x idle" if self.times_idle is not None else "",
        ]
        return ", ".join(part for part in parts if part)

    def met(self, rows: Sequence[Row]) -> bool:
        """A figure that is missing does not meet its limit."""
        by_system = {each.system: each for each in rows}
        return all(self._checks(by_system[OURS], ratio(rows), by_system.get(IDLE)))

    def _checks(self, ours: Row, ratio: float | None, idle: Row | None) -> Iterator[bool]:
        if self.seconds is not None:
            yield ours.seconds <= self.seconds
        if self.times is not None:
            yield ratio is not None and ratio >= self.times
        if self.peak_mb is not None:
            yield ours.peak_rss_mb is not None and ours.peak_rss_mb <= self.peak_mb
        if self.times_idle is not None:
            yield idle is not None and ours.seconds <= self.times_idle * idle.seconds


def ratio(rows: Sequence[Row]) -> float | None:
    """MPyC's seconds per value in ours; None unless both were measured."""
    seconds = {each.system: each.per_value for each in rows}
    return seconds[PEER] / seconds[OURS] if {OURS, PEER} <= seconds.keys() else None


FLOORS: Final = (
    Floor(Setting("sum", 3, 2, 1_000_000), times=8, peak_mb=400),
    Floor(Setting("sum", 5, 3, 1_000_000), times=8, peak_mb=400),
    Floor(Setting("scalar", 3, 2, 100), seconds=0.060),
    Floor(Setting("scalar", 10, 5, 100), seconds=0.250),
    Floor(Setting("exceeds", 3, 2, 100), seconds=0.150),
    Floor(Setting("multiply", 3, 2, 1_000_000), seconds=0.25, times=10),
    Floor(Setting("multiply", 5, 3, 1_000_000), seconds=0.8, times=10),
    Floor(Setting("compare", 3, 2, 100_000), seconds=0.15, times=200),
    Floor(Setting("compare", 5, 3, 100_000), seconds=0.7),
    Floor(Setting("compare", 3, 2, 1_000_000), seconds=1.0, peak_mb=600),
    Floor(Setting("sort", 3, 2, 10_000), seconds=2.0),
    Floor(Setting("division", 1, 1, 8192), seconds=0.3),
    Floor(Setting("ratio", 3, 2, 100), seconds=3.0, peak_mb=1000),
    Floor(Setting("round", 5, 3, 100_000), seconds=0.5),
    Floor(Setting("round", 10, 3, 1_000_000), seconds=3.0),
    Floor(Setting("round_killed", 5, 3, 100_000), seconds=3.0),
    Floor(Setting("refresh", 5, 3, 200_000), seconds=10.0),
    Floor(Setting("recover", 5, 3, 200_000), seconds=15.0),
    Floor(Setting("reshare", 7, 3, 150_000), seconds=30.0),
    Floor(Setting("restart", 5, 3, 200_000), seconds=5.0),
    Floor(Setting("beside", 5, 3, 200_000), times_idle=2.0),
    Floor(Setting("set-off", 3, 2, 50), seconds=15.0),
    Floor(Setting("set-off", 3, 2, 100), seconds=50.0),
    Floor(Setting("set-off", 3, 2, 200), seconds=240.0, peak_mb=2000),
    Floor(Setting("set-off-skeleton", 3, 2, 500), seconds=25.0),
    Floor(Setting("set-off-skeleton", 3, 2, 5_000), seconds=240.0, peak_mb=2000),
    Floor(Setting("netting", 3, 2, 10_000), seconds=10.0),
    Floor(Setting("help", 0, 0, 0), seconds=0.5),
    Floor(Setting("startup", 3, 2, 0), seconds=10.0),
)
