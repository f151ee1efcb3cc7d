"""What an owner sees of its own node: datasets, requests, audit log, ledger.  Times are milliseconds since 1970."""

from __future__ import annotations

from typing import Any

from steelyard.documents.request import Request

from .results import Dataset, Fact, Leak, Problem


class OwnedDataset(Fact, frozen=True, kw_only=True):
    """`version` is a random id of this content; `unchanged` says that an import brought nothing new."""

    dataset: Dataset
    rows: int
    version: str
    imported_ms: int
    unchanged: bool = False


class OwnedModel(Fact, frozen=True, kw_only=True):
    """`card` says what it is, how it came about and how good it is; `digest` is the same at all parties."""

    card: dict[str, Any]
    digest: str
    bytes: int
    kept_ms: int

    @property
    def name(self) -> str:
        return str(self.card["name"])


class DatasetRows(Fact, frozen=True, kw_only=True):
    """A dataset and its first rows as text, in the order of its columns."""

    dataset: OwnedDataset
    rows: tuple[tuple[str, ...], ...]


class KeyVersion(Fact, frozen=True, kw_only=True):
    """A version of the key-encryption key, how many data keys it wraps, and whether the node can use it."""

    version: str
    keys: int
    held: bool


class VaultFault(Fact, frozen=True, kw_only=True):
    unit: str
    problem: str


class VaultStatus(Fact, frozen=True, kw_only=True):
    """What a node keeps sealed; `units` counts by kind, more than one of `versions` is a rotation that did not end."""

    current: str
    versions: tuple[KeyVersion, ...]
    units: dict[str, int]
    files: int
    bytes: int
    generation: int
    faults: tuple[VaultFault, ...]


class InboxItem(Fact, frozen=True, kw_only=True):
    """A firm's contribution that waits at a node, for a computation that takes it up."""

    id: str
    contributor: str
    sponsor: str
    dataset: str
    purpose: str
    created_ms: int
    expires_ms: int


class VaultRotation(Fact, frozen=True, kw_only=True):
    """Nothing needs the `retired` versions of the key-encryption key any more.

    A node that holds its key itself has erased them, and older copies of its store cannot be opened; in a key service
    their administrator disables them.
    """

    current: str
    rewrapped: int
    sealing_key: int  # number of the new key that contributions are sealed to
    retired: tuple[str, ...]


class OwnerRequest(Fact, frozen=True, kw_only=True):
    """A request as it reached this owner's node, and what would become known to whom.

    `asked` carries the requester's valid signature; `decision` is approved, pending or refused.
    """

    asked: Request
    decision: str
    received_ms: int
    leakage: tuple[Leak, ...]

    @property
    def id(self) -> str:
        return self.asked.computation

    def to_json(self) -> dict[str, Any]:
        asked = self.asked
        return {
            "id": asked.computation,
            "decision": self.decision,
            "requester": asked.requester,
            "function": asked.function,
            "arguments": asked.arguments,
            "purpose": asked.purpose,
            "allow_missing": asked.allow_missing,
            "received_ms": self.received_ms,
            "expires_ms": asked.expires_ms,
            "leakage": [each.to_json() for each in self.leakage],
        }


class AuditEntry(Fact, frozen=True, kw_only=True):
    sequence: int
    time_ms: int
    event: str
    fields: dict[str, Any]
    digest: str


class Audit(Fact, frozen=True, kw_only=True):
    """Part of the audit log; `intact` says whether every link of the whole chain holds, `head` is its newest digest."""

    entries: tuple[AuditEntry, ...]
    intact: bool
    head: str


class Release(Fact, frozen=True, kw_only=True):
    """One release of the current period; `epsilon` is empty for an exact one."""

    computation: str
    column: str
    filter: str
    function: str
    requester: str
    parties: tuple[str, ...]
    time_ms: int
    epsilon: str


class Budget(Fact, frozen=True, kw_only=True):
    """A column's privacy budget, as decimals."""

    dataset: str
    spent: str
    allowed: str


class Ledger(Fact, frozen=True, kw_only=True):
    releases: tuple[Release, ...]
    budgets: tuple[Budget, ...]


class Delivery(Fact, frozen=True, kw_only=True):
    """One node's share of a contribution: waiting, taken, refused or expired, and why it was refused."""

    party: str
    state: str
    problem: Problem | None = None


class Contribution(Fact, frozen=True, kw_only=True):
    """A contribution that this requester sponsors, as the coordinator shows it."""

    id: str
    contributor: str
    dataset: str
    columns: tuple[str, ...]
    rows: int
    created_ms: int
    expires_ms: int
    deliveries: tuple[Delivery, ...]

    @property
    def waiting(self) -> bool:
        """Whether some node has not said yet what becomes of its share."""
        return any(each.state == "waiting" for each in self.deliveries)

    @property
    def taken(self) -> bool:
        """Whether all nodes have their shares."""
        return all(each.state == "taken" for each in self.deliveries)

    @property
    def refused(self) -> tuple[Problem, ...]:
        return tuple(each.problem for each in self.deliveries if each.problem is not None)
