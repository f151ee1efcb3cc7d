"""What can be measured, by name.  A job is one file here and its entry below."""

from __future__ import annotations

from typing import Final

from benchmarks.jobs import compare, exceeds, help, multiply, netting, scalar, sort, startup, sum
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
        netting.JOB,
        help.JOB,
        startup.JOB,
    )
}
