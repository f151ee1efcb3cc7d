"""Who takes part in an attempt: the coordinator chooses, each node says whether it may be so."""

from __future__ import annotations

from steelyard.documents.request import Request
from steelyard.errors import Invalid, PolicyRefused
from steelyard.functions.catalogue import question_of
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId


def check_participants(
    chosen: tuple[PartyId, ...], me: PartyId, membership: Membership, request: Request, threshold: int
) -> None:
    """Raises Invalid, PolicyRefused.  `threshold` is that of the attempt."""
    question, everybody = question_of(request), membership.parties
    if chosen != tuple(party for party in everybody if party in set(chosen)) or me not in chosen:
        raise Invalid("participants are parties of the manifest, in its order, this one among them")
    if chosen != everybody and not request.allow_missing:
        raise PolicyRefused("the requester did not allow to leave parties out")
    if chosen != everybody and question.unanimous:
        raise PolicyRefused(
            "a score of firms that are called takes all parties, so that there is one set of weights: wait for those"
            " that are missing"
        )
    if len(chosen) < membership.quorum:
        raise PolicyRefused(f"at least {membership.quorum} nodes must take part")
    if question.multiplies and len(chosen) < 2 * threshold - 1:
        text = f"at least {2 * threshold - 1} nodes must take part where numbers are multiplied or compared"
        raise PolicyRefused(text)
