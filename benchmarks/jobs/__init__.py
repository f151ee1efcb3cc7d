"""What can be measured, by name.  A job is one file here and its entry below."""

from __future__ import annotations

from typing import Final

from benchmarks.jobs import (
    beside,
    compare,
    division,
    exceeds,
    help,
    multiply,
    netting,
    ratio,
    recover,
    refresh,
    reshare,
    restart,
    round,
    round_killed,
    scalar,
    set_off,
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
        division.JOB,
        ratio.JOB,
        round.JOB,
        round_killed.JOB,
        set_off.JOB,
        set_off.SKELETON,
        set_off.NEAR,
        set_off.DELAYED,
        netting.JOB,
        help.JOB,
        startup.JOB,
        refresh.JOB,
        recover.JOB,
        reshare.JOB,
        restart.JOB,
        beside.JOB,
    )
}
