"""What can be measured, by name.  A job is one file here and its entry below."""

from __future__ import annotations

from typing import Final

from benchmarks.jobs import (
    beside,
    compare,
    exceeds,
    help,
    multiply,
    recover,
    refresh,
    reshare,
    restart,
    scalar,
    sort,
    startup,
    sum,
)
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
        help.JOB,
        startup.JOB,
        refresh.JOB,
        recover.JOB,
        reshare.JOB,
        restart.JOB,
        beside.JOB,
    )
}
