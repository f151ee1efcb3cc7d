"""The leakage statement: every value that becomes known to somebody, and to whom.

Nodes show it before their owner approves, the requester gets it with the result; both derive it from the request.
"""

from __future__ import annotations

import msgspec

from steelyard.documents.request import Request
from steelyard.functions.aggregate import Aggregate, arguments


class Leak(msgspec.Struct, frozen=True):
    """One value and who learns it."""

    what: str
    to: str


def leakage(request: Request, minimum_group: int) -> tuple[Leak, ...]:
    """The statement for sum, count and mean.  `minimum_group` is the manifest's."""
    wanted = arguments(request)
    return (
        Leak(_released(request.function, wanted), f"requester {request.requester}"),
        Leak(
            f"which parties contributed (at least {minimum_group}), with random ids of their data versions",
            "every node, the coordinator, the requester",
        ),
        *_opened_to_nodes(wanted),
        Leak("decimals and declared bounds of the column", "every node, the coordinator, the requester"),
        Leak("each owner's minimums of rows and parties", "every node, the coordinator"),
        Leak("the request: function, column, filter, groups, purpose", "every node, the coordinator"),
        Leak("when and how long each node computed, and how many bytes it sent", "the coordinator"),
    )


def _released(function: str, wanted: Aggregate) -> str:
    name = f"{wanted.dataset}.{wanted.column}"
    what = {
        "sum": f"the sum of {name}",
        "count": f"the number of rows with a value in {name}",
        "mean": f"the sum of {name} and the number of rows, whose quotient is the mean",
    }[function]
    per = f" for each of {len(wanted.groups)} groups of {wanted.group_by}" if wanted.group_by else ""
    per = f" at each of {wanted.length} positions" if wanted.length else per
    narrow = bool(wanted.where or wanted.group_by)
    where = f" where {wanted.where}" if wanted.where else ""
    rows = ", over the parties' rows selected" if narrow else ", over all parties' rows"
    noise = f", with noise for epsilon = {wanted.epsilon} for one row more or less" if wanted.private else ""
    return what + where + per + rows + noise


def _opened_to_nodes(wanted: Aggregate) -> tuple[Leak, ...]:
    if wanted.length:
        return (Leak("which parties' columns do not have the length asked for", "the coordinator, the requester"),)
    if wanted.private:
        return ()
    per = "of each group " if wanted.group_by else ""
    return (
        Leak(f"the number of rows {per}over all parties together, and how many parties have any", "every node"),
        Leak("which cells were suppressed because of too few rows, or rows of too few parties", "the requester"),
    )
