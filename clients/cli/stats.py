"""`steelyard stats` and `histogram`: how the values of a column are spread."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from cyclopts import Parameter

from clients.cli.ask import Column, GroupBy, Groups, Missing, Purpose, Where, ask_and_show, asked_for
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout

Quantiles: TypeAlias = Annotated[str, Parameter(help="Quantiles from 0 to 1, such as 0.25,0.75; each shows a row.")]
NoMedian: TypeAlias = Annotated[
    bool, Parameter(negative="", help="No median: without quantiles then no row is dealt, much faster for many rows.")
]
Edges: TypeAlias = Annotated[str, Parameter(help="Where bins begin, ascending, such as 0,1000 (--edges=-5,0).")]


def stats_column(
    column: Column,
    *,
    where: Where = "",
    quantiles: Quantiles = "",
    no_median: NoMedian = False,
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Number, mean, standard deviation, extremes, median and quantiles of a column, over all rows of all parties.

    Exact: mean and sample standard deviation are rounded in the last digit shown. Extremes, median (the lower of two)
    and quantiles are values of single rows.

    Example: `steelyard stats accounts.balance --quantiles 0.25,0.75 --json`

    Of millions of rows: `steelyard stats accounts.balance --no-median`
    """
    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    asked["options"] = {"quantiles": _listed(quantiles), "median": not no_median}
    ask_and_show("stats", column, asked, json)


def histogram_column(
    column: Column,
    *,
    edges: Edges,
    where: Where = "",
    group_by: GroupBy = "",
    groups: Groups = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """How many rows of all parties lie below the first edge, from each edge to the next, and from the last on.

    Owners let the same data be asked only so often, for other edges tell more about single rows.

    Example: `steelyard histogram accounts.balance --edges 0,1000,5000`
    """
    asked = asked_for(where, group_by, groups, "", allow_missing, purpose, timeout)
    asked["options"] = {"edges": _listed(edges)}
    ask_and_show("histogram", column, asked, json)


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")] if text else []
