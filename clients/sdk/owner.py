"""`Owner`: a party's own people at their own node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from steelyard.documents.request import Request
from steelyard.errors import Invalid, Malformed, NotFound
from steelyard.identity.certificates import Role
from steelyard.ids import computation_id, identifier
from steelyard.rpc import codec
from steelyard.rpc.channel import PIECE
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import node_pb2 as pb
from steelyard.v1.node_pb2_grpc import NodeServiceStub

from . import wire
from .connection import Connection
from .deadlines import CALL
from .profile import Profile, identify
from .records import (
    Audit,
    DatasetRows,
    InboxItem,
    Ledger,
    OwnedDataset,
    OwnedModel,
    OwnerRequest,
    VaultRotation,
    VaultStatus,
)
from .results import Leak

LONG: Final = 600.0  # seconds
_MAX_SCHEMA: Final = 1 << 20  # bytes


class Owner:
    """The owner of `party`'s node; use it as a context manager.  Every method raises a SteelyardError."""

    def __init__(self, profile: Profile | Path | str, party: str) -> None:
        opened = profile if isinstance(profile, Profile) else Profile.open(profile)
        home = opened.owner(party)
        self.membership: Final = opened.membership(home)
        self.party: Final = identify(home, self.membership, Role.OWNER).id
        pin = next(node.tls for node in self.membership.manifest.nodes if node.party == self.party)
        self.node: Final = Endpoint(self.party, self.membership.address(self.party), pin)
        self._line = Connection(home, self.node, NodeServiceStub)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._line.close()

    def import_dataset(
        self, path: Path | str, dataset: str, schema: Path | str | None = None, timeout: float = LONG
    ) -> OwnedDataset:
        """Stores a CSV, Parquet or Excel file as a dataset, replacing one of that name; all of it or nothing.

        `schema` is a TOML file; without one the node infers it.  Raises Invalid with file, line and column.
        """
        path = Path(path)
        text = _schema(Path(schema)) if schema is not None else ""
        front = pb.ImportDatasetRequest(dataset=identifier(dataset, "dataset"), file_name=path.name, schema=text)
        _require_file(path)
        answer = self._line.call(lambda stub: stub.ImportDataset(_pieces(path, front), timeout=timeout))
        return wire.owned_dataset(answer.dataset, unchanged=answer.unchanged)

    def datasets(self) -> tuple[OwnedDataset, ...]:
        """What this node holds, by name."""
        answer = self._line.call(lambda stub: stub.ListDatasets(pb.ListDatasetsRequest(), timeout=CALL))
        return tuple(wire.owned_dataset(each) for each in answer.datasets)

    def delete_dataset(self, dataset: str) -> None:
        """Removes a dataset; raises NotFound."""
        request = pb.DeleteDatasetRequest(dataset=identifier(dataset, "dataset"))
        self._line.call(lambda stub: stub.DeleteDataset(request, timeout=CALL))

    def show_dataset(self, dataset: str, rows: int = 20, timeout: float = LONG) -> DatasetRows:
        """The dataset's first rows as they were imported; all of them if `rows` is 0.  Raises NotFound."""
        if rows < 0:
            raise Invalid("a number of rows is 0 (for all) or more")
        request = pb.ShowDatasetRequest(dataset=identifier(dataset, "dataset"), limit=rows)
        answers = self._line.call(lambda stub: list(stub.ShowDataset(request, timeout=timeout)))
        if not answers:
            raise Malformed("the node answered without a dataset")
        cells = tuple(tuple(row.cells) for answer in answers for row in answer.rows)
        return DatasetRows(dataset=wire.owned_dataset(answers[0].dataset), rows=cells)

    def vault(self, verify: bool = False, timeout: float = LONG) -> VaultStatus:
        """What the node keeps sealed and what is wrong with it; `verify` reads every file to its last bit."""
        request = pb.ReadVaultRequest(verify=verify)
        return wire.vault_status(self._line.call(lambda stub: stub.ReadVault(request, timeout=timeout)))

    def rotate_vault(self, timeout: float = LONG) -> VaultRotation:
        """Wraps every data key under a new key-encryption key, and retires the old one.  May be repeated."""
        done = self._line.call(lambda stub: stub.RotateVault(pb.RotateVaultRequest(), timeout=timeout))
        return VaultRotation(
            current=done.current,
            rewrapped=done.rewrapped,
            sealing_key=done.sealing_key,
            retired=tuple(done.retired),
        )

    def inbox(self) -> tuple[InboxItem, ...]:
        """Contributions of firms that wait here, by contributor and dataset."""
        answer = self._line.call(lambda stub: stub.ListInbox(pb.ListInboxRequest(), timeout=CALL))
        return tuple(map(wire.inbox_item, answer.items))

    def drop_contribution(self, contribution: str) -> None:
        """Forgets this node's share of a firm's contribution, which then counts nowhere.  Raises NotFound."""
        request = pb.DropContributionRequest(id=computation_id(contribution))
        self._line.call(lambda stub: stub.DropContribution(request, timeout=CALL))

    def models(self) -> tuple[OwnedModel, ...]:
        """The models that this node keeps, by name."""
        answer = self._line.call(lambda stub: stub.ListModels(pb.ListModelsRequest(), timeout=CALL))
        return tuple(wire.owned_model(each) for each in answer.models)

    def model(self, name: str) -> OwnedModel:
        """Raises NotFound."""
        found = [each for each in self.models() if each.name == name]
        if not found:
            raise NotFound(f"{self.party} keeps no model {name[:60]!r}; `steelyard model list` shows those it has")
        return found[0]

    def export_model(self, name: str, timeout: float = LONG) -> bytes:
        """The file of a model, which `steelyard.learning.model_file.read_model` reads.  Raises NotFound."""
        request = pb.ExportModelRequest(name=name)
        return self._line.call(lambda stub: b"".join(e.content for e in stub.ExportModel(request, timeout=timeout)))

    def recall_model(self, name: str, timeout: float = LONG) -> OwnedModel:
        """Has this node ask the other parties for a model that it missed, because it was lost when it was done.

        Raises NotFound, and Failed when fewer than the threshold of them have the same one.
        """
        request = pb.RecallModelRequest(name=name)
        return wire.owned_model(self._line.call(lambda stub: stub.RecallModel(request, timeout=timeout)).model)

    def delete_model(self, name: str) -> None:
        """Erases a model at this node; raises NotFound."""
        self._line.call(lambda stub: stub.DeleteModel(pb.DeleteModelRequest(name=name), timeout=CALL))

    def requests(self, pending_only: bool = False) -> tuple[OwnerRequest, ...]:
        """The requests that reached this node, newest first, with their leakage statements."""
        request = pb.ListRequestsRequest(pending_only=pending_only)
        answer = self._line.call(lambda stub: stub.ListRequests(request, timeout=CALL))
        return tuple(self._request(each) for each in answer.requests)

    def approve(self, computation: str) -> OwnerRequest:
        """Lets this node take part in a computation that waits for its owner."""
        return self._decide(computation, approve=True)

    def refuse(self, computation: str) -> OwnerRequest:
        return self._decide(computation, approve=False)

    def audit(self, after: int = 0, limit: int = 100) -> Audit:
        """Entries after number `after`, or the newest `limit` (1 to 1000) when it is 0."""
        if after < 0 or not 1 <= limit <= 1000:
            raise Invalid("an audit log is read from entry 0 on, 1 to 1000 entries at a time")
        request = pb.ReadAuditRequest(after=after, limit=limit)
        return wire.audit(self._line.call(lambda stub: stub.ReadAudit(request, timeout=CALL)))

    def ledger(self) -> Ledger:
        """Releases and privacy budget of the current period."""
        return wire.ledger(self._line.call(lambda stub: stub.ReadLedger(pb.ReadLedgerRequest(), timeout=CALL)))

    def _decide(self, computation: str, *, approve: bool) -> OwnerRequest:
        request = pb.DecideRequestRequest(computation=computation_id(computation), approve=approve)
        answer = self._line.call(lambda stub: stub.DecideRequest(request, timeout=CALL))
        return self._request(answer.request)

    def _request(self, message: pb.OwnerRequest) -> OwnerRequest:
        return OwnerRequest(
            asked=codec.signed_from_proto(message.request).open(Request, self.membership.requester_keys),
            decision=wire.decision(message.decision),
            received_ms=message.received_ms,
            leakage=tuple(Leak(what=each.what, to=each.to) for each in message.leakage),
        )


def _pieces(path: Path, front: pb.ImportDatasetRequest) -> Iterator[pb.ImportDatasetRequest]:
    yield front
    with path.open("rb") as file:
        while content := file.read(PIECE):
            yield pb.ImportDatasetRequest(content=content)


def _require_file(path: Path) -> None:
    if not path.exists():
        raise NotFound(f"there is no file {path}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from None


def _schema(path: Path) -> str:
    _require_file(path)
    data = path.read_bytes()
    if len(data) > _MAX_SCHEMA:
        raise Invalid(f"{path} is longer than a schema may be")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Invalid(f"{path} is not UTF-8") from None
