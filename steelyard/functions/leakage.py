"""The leakage statement: every value that becomes known to somebody, and to whom.

Nodes show it before their owner approves, the requester gets it with the result; both derive it from the request.
"""

from __future__ import annotations

from steelyard.documents.request import Request
from steelyard.functions.catalogue import question_of
from steelyard.functions.question import Leak


def leakage(request: Request, minimum_group: int) -> tuple[Leak, ...]:
    """What a request reveals.  `minimum_group` is the manifest's."""
    question = question_of(request)
    least = "" if question.consented else f" (at least {minimum_group})"
    lower = (
        (Leak("the inputs, if as many nodes as this put their shares together", f"any {request.threshold} nodes"),)
        if request.threshold
        else ()
    )
    return (
        Leak(question.released(), f"requester {request.requester}"),
        Leak(
            f"which parties contributed{least}, with random ids of their data versions",
            "every node, the coordinator, the requester",
        ),
        *question.leaks(),
        *lower,
        Leak(
            "decimals and declared bounds of the columns, each owner's minimums of rows and parties",
            "every node, the coordinator",
        ),
        Leak("the request: function, columns, filter, groups, purpose", "every node, the coordinator"),
        Leak("when and how long each node computed, and how many bytes it sent", "the coordinator"),
    )
