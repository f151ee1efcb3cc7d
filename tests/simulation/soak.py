"""Many more schedules than a test run has, on all cores, and what came of them.

python -m simulation.soak --schedules 1000000 --first 1000000
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice

from simulation.schedule import Violation, run
from simulation.shapes import SHAPES

BATCH = 200


def batch(work: tuple[str, int]) -> tuple[str, int, list[str]]:
    """Commits and violations of a batch of seeds of one shape."""
    shape, first = work
    commits, violations = 0, []
    for seed in range(first, first + BATCH):
        try:
            commits += run(seed, SHAPES[shape]).commits
        except Violation as violation:
            violations.append(f"{shape}: {violation}")
    return shape, commits, violations


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=1_000_000, help="the first seed")
    asked = parser.parse_args()
    works = ((shape, first) for first in count(asked.first, BATCH) for shape in SHAPES)
    started, done, commits, violations = time.monotonic(), Counter[str](), Counter[str](), 0
    with ProcessPoolExecutor() as pool:
        for shape, committed, broken in pool.map(batch, islice(works, -(-asked.schedules // BATCH))):
            done[shape] += BATCH
            commits[shape] += committed
            violations += len(broken)
            print(*broken, sep="\n", end="\n" if broken else "")
    seconds = time.monotonic() - started
    for shape in SHAPES:
        print(f"{shape}: {done[shape]} schedules, {commits[shape]} changes committed")
    print(f"{done.total()} schedules, {violations} violations, {done.total() / seconds:.0f} a second")
    raise SystemExit(violations > 0)


if __name__ == "__main__":
    main()
