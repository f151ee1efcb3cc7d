"""`python -m benchmarks.set_off`: rounds of set-off against the optimum and what clearing short circles does.

Rounds run between processes with mutual TLS, 2-of-3, sealed and as skeletons: their share of the optimum, seconds,
rounds and bytes that a party sends.  The estimate for slow lines is the time here and 50 ms a round; one round is run
with messages that take as long, beside its estimate.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.jobs import JOBS
from benchmarks.jobs.set_off import DELAY, DELAYED, JOB, NEAR, SKELETON
from benchmarks.measure import Job, Row, Setting, measure, row
from benchmarks.report import report
from benchmarks.systems import set_off_program, skeleton_program
from steelyard.setoff import solver
from steelyard.setoff.network import FULL, Network
from steelyard.setoff.reference import optimum, short_cycles, worth

_SEALED: Final = (30, 50, 100)
_SKELETON: Final = (500,)
_CIRCLES: Final = (2, 3, 4)
_SEARCHED: Final = 5_000  # pairs of firms, up to which circles longer than two are looked for


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(_SEALED), help="numbers of firms, sealed")
    parser.add_argument("--skeleton", type=int, nargs="*", default=list(_SKELETON), help="numbers of firms, skeleton")
    parser.add_argument("--fast-lines", action="store_true", help="leave the run with slow lines out")
    arguments = parser.parse_args(words)
    for size in arguments.sizes:
        network = set_off_program.club(size)
        _say({"mode": "sealed", **_shares(network, network.sealed()), **_cost(_measured(JOB, size))})
    for size in arguments.skeleton:
        network = skeleton_program.region(size)
        _say({"mode": "skeleton", **_shares(network, network), **_cost(_measured(SKELETON, size))})
    if not arguments.fast_lines:
        _say(_delayed())
    return 0


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _measured(job: Job, size: int) -> Row:
    return measure(JOBS[job.name], _setting(job, size), ("steelyard",), 1, report)[0]


def _setting(job: Job, size: int) -> Setting:
    return Setting(job.name, 3, 2, size)


def _delayed() -> dict[str, Any]:
    """The estimate beside a run, which is the first one: who waits for every message needs no warming up."""
    near, setting = _measured(NEAR, NEAR.size), _setting(DELAYED, DELAYED.size)
    report(f"{setting}: {near.rounds} rounds of {1000 * DELAY:.0f} ms")
    with DELAYED.open("steelyard", setting) as contestant:
        far = row(setting, "steelyard", [contestant.run()])
    return {
        "mode": "sealed",
        "firms": DELAYED.size,
        "steps": set_off_program.SHORT.steps,
        "delay_ms": round(1000 * DELAY),
        "rounds": near.rounds,
        "seconds": round(near.seconds, 1),
        "estimated_seconds": _slow(near),
        "measured_seconds": round(far.seconds, 1),
    }


def _shares(network: Network, cleared_as: Network) -> dict[str, Any]:
    """What is cleared, as a share of the optimum: by a round, and by short circles."""
    began = time.perf_counter()
    best = worth(network, optimum(network)) // FULL
    took = time.perf_counter() - began
    found = solver.solve(cleared_as, set_off_program.SCHEDULE)
    certified = found.share(cleared_as) / 10_000
    lengths = _CIRCLES if network.topology.arcs <= _SEARCHED else _CIRCLES[:1]
    circles = {f"circles_up_to_{each}": _share(int(short_cycles(network, each).sum()), best) for each in lengths}
    return {
        "firms": network.topology.firms,
        "pairs": network.topology.arcs,
        "optimum": best,
        "share_of_optimum": _share(int(found.flow.sum()), best),
        "certified_share": certified,
        **circles,
        "reference_seconds": round(took, 3),
    }


def _share(cleared: int, best: int) -> float:
    return round(cleared / best, 4) if best else 1.0


def _slow(found: Row) -> float:
    return round(found.seconds + DELAY * (found.rounds or 0), 1)


def _cost(found: Row) -> dict[str, Any]:
    near = round(found.seconds, 1)
    sent = found.bytes_sent_per_party
    memory = found.peak_rss_mb
    return {"seconds": near, "rounds": found.rounds, "bytes": sent, "mb": memory, "estimated_at_50_ms": _slow(found)}


if __name__ == "__main__":
    raise SystemExit(main())
