"""NodeService for the node's owner: datasets, vault, decisions, audit log, ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from node import catalogue, plain
from node.books import Books, now_ms
from node.computations import Recorded
from node.datasets import Dataset
from node.handover import Handover
from node.ledger import Entry
from node.settlement import settle
from node.training import Kept
from node.uploads import memory_file, received, remove_uploads_of_before
from steelyard.documents.request import Request
from steelyard.documents.signed import read
from steelyard.errors import Cheated, Invalid, NotFound
from steelyard.functions.leakage import leakage
from steelyard.identity.contributors import Announced
from steelyard.ids import computation_id, identifier
from steelyard.rpc import codec
from steelyard.rpc.channel import PIECE
from steelyard.rpc.interceptors import Context
from steelyard.tables import schema as schemas
from steelyard.v1 import node_pb2, node_pb2_grpc
from steelyard.vault.vault import Rotation, Status

MAX_PAGE: Final = 1000
ROWS_AT_ONCE: Final = 1000
DECISIONS: Final = {
    "approved": node_pb2.DECISION_APPROVED,
    "pending": node_pb2.DECISION_PENDING,
    "refused": node_pb2.DECISION_REFUSED,
}


class OwnerService(node_pb2_grpc.NodeServiceServicer):
    """The owner's methods."""

    def __init__(self, books: Books, state: Path, handover: Handover) -> None:
        self._books = books
        self._handover = handover
        remove_uploads_of_before(state)

    async def ImportDataset(
        self, requests: AsyncIterator[node_pb2.ImportDatasetRequest], context: Context
    ) -> node_pb2.ImportDatasetResponse:
        with memory_file() as (file, path):
            first, called = await received(requests, file)
            importing = asyncio.create_task(asyncio.to_thread(self._import, first, path, called))
            try:
                return await asyncio.shield(importing)
            finally:  # the path is a number, and another upload's as soon as this file is closed under the thread
                await asyncio.gather(importing, return_exceptions=True)

    async def ListDatasets(
        self, request: node_pb2.ListDatasetsRequest, context: Context
    ) -> node_pb2.ListDatasetsResponse:
        datasets = await asyncio.to_thread(self._books.datasets.list)
        return node_pb2.ListDatasetsResponse(datasets=map(_owned, datasets))

    async def DeleteDataset(
        self, request: node_pb2.DeleteDatasetRequest, context: Context
    ) -> node_pb2.DeleteDatasetResponse:
        await asyncio.to_thread(self._delete, identifier(request.dataset, "dataset"))
        return node_pb2.DeleteDatasetResponse()

    async def ShowDataset(
        self, request: node_pb2.ShowDatasetRequest, context: Context
    ) -> AsyncIterator[node_pb2.ShowDatasetResponse]:
        name = identifier(request.dataset, "dataset")
        dataset, table = await asyncio.to_thread(self._rows, name, request.limit)
        yield node_pb2.ShowDatasetResponse(dataset=_owned(dataset))
        for start in range(0, table.height, ROWS_AT_ONCE):
            found = await asyncio.to_thread(plain.rows, table.slice(start, ROWS_AT_ONCE), dataset.schema)
            yield node_pb2.ShowDatasetResponse(rows=[node_pb2.Row(cells=each) for each in found])

    async def ReadVault(self, request: node_pb2.ReadVaultRequest, context: Context) -> node_pb2.ReadVaultResponse:
        return _vault(await asyncio.to_thread(self._books.vault.status, verify=request.verify))

    async def RotateVault(self, request: node_pb2.RotateVaultRequest, context: Context) -> node_pb2.RotateVaultResponse:
        done, number = await asyncio.to_thread(self._rotate)
        return node_pb2.RotateVaultResponse(
            current=done.current, rewrapped=done.rewrapped, retired=done.retired, sealing_key=number
        )

    async def ListInbox(self, request: node_pb2.ListInboxRequest, context: Context) -> node_pb2.ListInboxResponse:
        found = await asyncio.to_thread(self._books.inbox.list)
        return node_pb2.ListInboxResponse(items=map(_item, found))

    async def DropContribution(
        self, request: node_pb2.DropContributionRequest, context: Context
    ) -> node_pb2.DropContributionResponse:
        await asyncio.to_thread(self._drop, computation_id(request.id))
        return node_pb2.DropContributionResponse()

    async def ListModels(self, request: node_pb2.ListModelsRequest, context: Context) -> node_pb2.ListModelsResponse:
        found = await asyncio.to_thread(self._books.trained.models.list)
        return node_pb2.ListModelsResponse(models=map(_model, found))

    async def ExportModel(
        self, request: node_pb2.ExportModelRequest, context: Context
    ) -> AsyncIterator[node_pb2.ExportModelResponse]:
        file = await asyncio.to_thread(self._export, request.name)
        for start in range(0, len(file), PIECE):
            yield node_pb2.ExportModelResponse(content=file[start : start + PIECE])

    async def RecallModel(self, request: node_pb2.RecallModelRequest, context: Context) -> node_pb2.RecallModelResponse:
        return node_pb2.RecallModelResponse(model=_model(await self._handover.recall(request.name)))

    async def DeleteModel(self, request: node_pb2.DeleteModelRequest, context: Context) -> node_pb2.DeleteModelResponse:
        await asyncio.to_thread(self._delete_model, request.name)
        return node_pb2.DeleteModelResponse()

    async def ListRequests(
        self, request: node_pb2.ListRequestsRequest, context: Context
    ) -> node_pb2.ListRequestsResponse:
        await asyncio.to_thread(settle, self._books)
        found = await asyncio.to_thread(self._books.computations.list, pending_only=request.pending_only)
        return node_pb2.ListRequestsResponse(requests=map(self._shown, found))

    async def DecideRequest(
        self, request: node_pb2.DecideRequestRequest, context: Context
    ) -> node_pb2.DecideRequestResponse:
        computation = computation_id(request.computation)
        decided = await asyncio.to_thread(self._books.consent.resolve, computation, approve=request.approve)
        return node_pb2.DecideRequestResponse(request=self._shown(decided))

    async def ReadAudit(self, request: node_pb2.ReadAuditRequest, context: Context) -> node_pb2.ReadAuditResponse:
        await asyncio.to_thread(settle, self._books)
        return await asyncio.to_thread(self._audit, request.after, min(request.limit or 100, MAX_PAGE))

    async def ReadLedger(self, request: node_pb2.ReadLedgerRequest, context: Context) -> node_pb2.ReadLedgerResponse:
        return await asyncio.to_thread(self._ledger)

    def _import(self, first: node_pb2.ImportDatasetRequest, path: Path, called: str) -> node_pb2.ImportDatasetResponse:
        books, name = self._books, identifier(first.dataset, "dataset")
        declared = schemas.parse(first.schema) if first.schema else None
        before = {each.name: each.version for each in books.datasets.list()}
        dataset = books.datasets.import_file(
            name,
            path,
            declared,
            now_ms=now_ms(),
            noted=lambda version: books.audit.record(
                "imported", {"dataset": name, "version": version}, now_ms=now_ms()
            ),
            called=called,
        )
        unchanged = before.get(name) == dataset.version
        return node_pb2.ImportDatasetResponse(dataset=_owned(dataset), unchanged=unchanged)

    def _delete(self, name: str) -> None:
        audit = self._books.audit
        self._books.datasets.delete(name, lambda: audit.record("deleted", {"dataset": name}, now_ms=now_ms()))

    def _rows(self, name: str, limit: int) -> tuple[Dataset, pl.DataFrame]:
        dataset, table = self._books.datasets.rows(name, limit)
        fields = {"dataset": name, "version": dataset.version, "rows": table.height}
        self._books.audit.record("shown", fields, now_ms=now_ms())
        return dataset, table

    def _export(self, name: str) -> bytes:
        file = self._books.trained.models.export(name)
        self._books.audit.record("model_exported", {"model": name}, now_ms=now_ms())
        return file

    def _delete_model(self, name: str) -> None:
        self._books.trained.models.delete(name)
        self._books.audit.record("model_deleted", {"model": name}, now_ms=now_ms())

    def _drop(self, contribution: str) -> None:
        if not self._books.inbox.drop([contribution]):
            raise NotFound("this node holds no such contribution: see `steelyard contribution inbox`")
        self._books.audit.record("contribution_dropped", {"contribution": contribution}, now_ms=now_ms())

    def _rotate(self) -> tuple[Rotation, int]:
        done = self._books.vault.rotate()
        number = self._books.inbox.rotate()
        fields = {"current": done.current, "rewrapped": done.rewrapped, "retired": list(done.retired)}
        self._books.audit.record("vault_rotated", fields, now_ms=now_ms())
        return done, number

    def _shown(self, recorded: Recorded) -> node_pb2.OwnerRequest:
        request = read(Request, recorded.request.payload)
        try:
            leaks = leakage(request, self._books.membership.minimum_group)
        except Invalid:  # refused for this very reason
            leaks = ()
        return node_pb2.OwnerRequest(
            request=codec.signed_to_proto(recorded.request),
            decision=DECISIONS[recorded.decision],
            received_ms=recorded.received_ms,
            leakage=[node_pb2.Leak(what=each.what, to=each.to) for each in leaks],
        )

    def _audit(self, after: int, limit: int) -> node_pb2.ReadAuditResponse:
        audit = self._books.audit
        head = audit.head()
        start = after + 1 if after else max(1, head.sequence - limit + 1)
        entries = [
            node_pb2.AuditEntry(
                sequence=each.sequence,
                time_ms=each.at_ms,
                event=each.event,
                fields=msgspec.json.encode(each.fields).decode(),
                digest=each.hash.hex(),
            )
            for each in audit.read(start, limit)
        ]
        return node_pb2.ReadAuditResponse(entries=entries, intact=self._intact(), head=head.hash.hex())

    def _intact(self) -> bool:
        try:
            self._books.audit.verify()
        except Cheated:
            return False
        return True

    def _ledger(self) -> node_pb2.ReadLedgerResponse:
        policy, ledger = self._books.policy.read(), self._books.ledger
        entries = ledger.entries()
        datasets = sorted({each.candidate.dataset for each in entries})
        budgets = [
            node_pb2.Budget(
                dataset=dataset,
                spent=f"{ledger.spent(dataset, policy.period_days, policy.delta_per_period, now_ms=now_ms()):g}",
                allowed=f"{policy.epsilon_per_period:g}",
            )
            for dataset in datasets
        ]
        return node_pb2.ReadLedgerResponse(releases=map(_release, entries), budgets=budgets)


def _item(each: Announced) -> node_pb2.InboxItem:
    return node_pb2.InboxItem(
        id=each.header.id,
        contributor=each.contributor.id,
        sponsor=each.contributor.sponsor,
        dataset=each.header.dataset,
        purpose=each.header.purpose,
        created_ms=each.header.created_ms,
        expires_ms=each.header.expires_ms,
    )


def _owned(dataset: Dataset) -> node_pb2.OwnedDataset:
    return node_pb2.OwnedDataset(
        dataset=catalogue.describe(dataset.name, dataset.schema),
        rows=dataset.rows,
        version=dataset.version,
        imported_ms=dataset.imported_ms,
    )


def _model(kept: Kept) -> node_pb2.OwnedModel:
    card = msgspec.json.encode(kept.card).decode()
    return node_pb2.OwnedModel(card=card, digest=kept.digest, bytes=kept.size, kept_ms=kept.kept_ms)


def _vault(status: Status) -> node_pb2.ReadVaultResponse:
    versions = sorted({*status.held, *status.keys})
    return node_pb2.ReadVaultResponse(
        current=status.current,
        versions=[
            node_pb2.KeyVersion(version=each, keys=status.keys.get(each, 0), held=each in status.held)
            for each in versions
        ],
        kinds=[node_pb2.SealedKind(kind=kind, units=units) for kind, units in status.units.items()],
        files=status.files,
        bytes=status.bytes,
        generation=status.generation,
        faults=[node_pb2.VaultFault(unit=str(each.unit), problem=each.problem) for each in status.faults],
    )


def _release(entry: Entry) -> node_pb2.Release:
    asked = entry.candidate
    return node_pb2.Release(
        computation=entry.computation,
        column=f"{asked.dataset}.{asked.column}",
        filter=asked.filter,
        function=asked.function,
        requester=asked.requester,
        parties=sorted(party for party, _ in asked.inputs),
        time_ms=entry.entered_ms,
        epsilon=f"{asked.epsilon:g}" if asked.epsilon else "",
    )
