"""What can be measured, by name.  A job is one file here and its entry below."""

from __future__ import annotations

from typing import Final

from benchmarks.jobs import compare, division, exceeds, help, multiply, ratio, scalar, sort, startup, sum
from benchmarks.measure import Job

JOBS: Final[dict[str, Job]] = {
    each.name: each
    for each in (
        sum.JOB,
        scalar.JOB,
        exceeds.JOB,
        multiply.JOB,
        compare.JOB,
        sort.JOB,
        division.JOB,
        ratio.JOB,
        help.JOB,
        startup.JOB,
    )
}
