"""Who may call what of a node.  Deny by default: a method without a row is refused, and a test fails."""

from __future__ import annotations

from typing import Final

from steelyard.identity.certificates import Role
from steelyard.rpc.authorisation import Rules

_NODE: Final = "/steelyard.v1.NodeService/"
_COORDINATOR: Final = frozenset({Role.COORDINATOR})
_OWNER: Final = frozenset({Role.OWNER})

ROLES: Final[Rules] = {
    _NODE + "Propose": _COORDINATOR,
    _NODE + "Run": _COORDINATOR,
    _NODE + "FetchResult": _COORDINATOR,
    _NODE + "Cancel": _COORDINATOR,
    _NODE + "ListStandings": _COORDINATOR,
    _NODE + "SettleChange": _COORDINATOR,
    _NODE + "Deliver": _COORDINATOR,
    _NODE + "Describe": _COORDINATOR | _OWNER,
    _NODE + "ImportDataset": _OWNER,
    _NODE + "ListDatasets": _OWNER,
    _NODE + "DeleteDataset": _OWNER,
    _NODE + "ShowDataset": _OWNER,
    _NODE + "ListInbox": _OWNER,
    _NODE + "DropContribution": _OWNER,
    _NODE + "ReadVault": _OWNER,
    _NODE + "RotateVault": _OWNER,
    _NODE + "ListModels": _OWNER,
    _NODE + "ExportModel": _OWNER,
    _NODE + "RecallModel": _OWNER,
    _NODE + "DeleteModel": _OWNER,
    _NODE + "ListRequests": _OWNER,
    _NODE + "DecideRequest": _OWNER,
    _NODE + "ReadAudit": _OWNER,
    _NODE + "ReadLedger": _OWNER,
    "/steelyard.v1.PeerService/Exchange": frozenset({Role.NODE}),
    "/steelyard.v1.PeerService/GiveModel": frozenset({Role.NODE}),
}
