"""`python -m benchmarks.set_off`: rounds of set-off against the optimum and what clearing short circles does.

Sealed rounds run between processes with mutual TLS, 2-of-3; figures of the skeleton need a consortium
(`steelyard setoff run --mode skeleton`).  The estimate for slow lines is the time here and 50 ms a round.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.jobs import JOBS
from benchmarks.jobs.set_off import DELAY, DELAYED, JOB
from benchmarks.measure import Row, Setting, measure
from benchmarks.report import report
from benchmarks.systems.set_off_program import SCHEDULE, club
from steelyard.setoff import solver
from steelyard.setoff.network import FULL
from steelyard.setoff.reference import optimum, short_cycles, worth

_SIZES: Final = (30, 50, 100)
_CIRCLES: Final = (2, 3, 4)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(_SIZES), help="numbers of firms")
    arguments = parser.parse_args(words)
    for size in arguments.sizes:
        print(json.dumps(_shares(size) | _cost(_measured(JOB.name, size))), flush=True)
    near, far = (_measured(name, DELAYED.size) for name in (JOB.name, DELAYED.name))
    estimate = near.seconds + DELAY * (near.rounds or 0)
    delayed = {
        "firms": DELAYED.size,
        "estimated_seconds": round(estimate, 1),
        "measured_seconds": round(far.seconds, 1),
    }
    print(json.dumps({"delay_ms": round(1000 * DELAY), "rounds": near.rounds, **delayed}), flush=True)
    return 0


def _measured(job: str, size: int) -> Row:
    return measure(JOBS[job], Setting(job, 3, 2, size), ("steelyard",), 1, report)[0]


def _shares(size: int) -> dict[str, Any]:
    """What is cleared, as a share of the optimum: by a round, and by short circles."""
    network = club(size)
    best = worth(network, optimum(network)) // FULL
    found = solver.solve(network.sealed(), SCHEDULE)
    circles = {f"circles_up_to_{each}": _share(int(short_cycles(network, each).sum()), best) for each in _CIRCLES}
    return {"firms": size, "round": _share(int(found.flow.sum()), best), **circles}


def _share(cleared: int, best: int) -> float:
    return round(cleared / best, 4) if best else 1.0


def _cost(row: Row) -> dict[str, Any]:
    near = round(row.seconds, 1)
    slow = round(row.seconds + DELAY * (row.rounds or 0), 1)
    return {"seconds": near, "rounds": row.rounds, "bytes": row.bytes_sent_per_party, "estimated_at_50_ms": slow}


if __name__ == "__main__":
    raise SystemExit(main())
