"""How comparing grows: with the number of parties, with the batch, and with the time that messages take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from benchmarks.floors import OURS
from benchmarks.jobs.compare import JOB
from benchmarks.measure import Report, Row, Setting, measure

PARTIES: Final = (3, 5, 7, 9)
BATCHES: Final = tuple(10**exponent for exponent in range(7))
DELAYS: Final = (0, 10, 50, 100)  # milliseconds


@dataclass(frozen=True, slots=True)
class Point:
    """One setting; messages take `delay_ms` longer to arrive than on this machine."""

    series: str
    delay_ms: int
    setting: Setting

    def measured(self, runs: int, report: Report) -> Row:
        """Raises what `measure` raises."""
        (row,) = measure(replace(JOB, delay=self.delay_ms / 1e3), self.setting, [OURS], runs, report)
        return row


def points(size: int, largest: int) -> Iterator[Point]:
    """All series; `size` is the batch where it is something else that grows."""
    for parties in PARTIES:
        yield Point("parties", 0, Setting(JOB.name, parties, (parties + 1) // 2, size))
    for batch in BATCHES:
        if batch <= largest:
            yield Point("batch", 0, Setting(JOB.name, 3, 2, batch))
    for delay in DELAYS:
        yield Point("delay", delay, Setting(JOB.name, 3, 2, size))


def to_json(point: Point, row: Row) -> dict[str, Any]:
    return {"series": point.series, "delay_ms": point.delay_ms, **asdict(row)}
