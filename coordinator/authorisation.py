"""Who may call what on the coordinator: requesters, and nobody else."""

from __future__ import annotations

from typing import Final

from steelyard.identity.certificates import Role
from steelyard.rpc.authorisation import Rules

_REQUESTERS: Final = frozenset({Role.REQUESTER})

RULES: Final[Rules] = {
    "/steelyard.v1.CoordinatorService/CreateComputation": _REQUESTERS,
    "/steelyard.v1.CoordinatorService/GetComputation": _REQUESTERS,
    "/steelyard.v1.CoordinatorService/ListComputations": _REQUESTERS,
    "/steelyard.v1.CoordinatorService/WatchComputation": _REQUESTERS,
    "/steelyard.v1.CoordinatorService/CancelComputation": _REQUESTERS,
    "/steelyard.v1.CoordinatorService/FetchResults": _REQUESTERS,
    "/steelyard.v1.CoordinatorService/ListParties": _REQUESTERS,
    "/steelyard.v1.CoordinatorService/Contribute": _REQUESTERS,
    "/steelyard.v1.CoordinatorService/ListContributions": _REQUESTERS,
}
