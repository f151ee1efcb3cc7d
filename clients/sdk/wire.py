"""Between protobuf messages and the SDK's own types; nothing here decides whom to believe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from steelyard import records
from steelyard.documents.contribution import ContributionHeader
from steelyard.documents.signed import Signed
from steelyard.errors import Malformed
from steelyard.rpc import codec
from steelyard.v1 import coordinator_pb2 as coordinator
from steelyard.v1 import node_pb2 as node
from steelyard.v1 import types_pb2 as types

from .records import (
    Audit,
    AuditEntry,
    Budget,
    Contribution,
    Delivery,
    InboxItem,
    KeyVersion,
    Ledger,
    OwnedDataset,
    OwnedModel,
    Release,
    VaultFault,
    VaultStatus,
)
from .results import Column, Dataset, Party, Problem, Progress, Standing


def state(value: int) -> str:
    """A computation's state without its prefix."""
    try:
        return types.ComputationState.Name(types.ComputationState.ValueType(value)).removeprefix("COMPUTATION_STATE_")
    except ValueError:
        raise Malformed("the coordinator names a state that this version does not know") from None


def decision(value: int) -> str:
    """A node's decision in lower case, without its prefix."""
    try:
        return node.Decision.Name(node.Decision.ValueType(value)).removeprefix("DECISION_").lower()
    except ValueError:
        raise Malformed("the node names a decision that this version does not know") from None


def problem(message: types.Failure) -> Problem:
    return Problem(
        reason=message.reason,
        message=message.message,
        party=message.party,
        culprits=tuple(message.culprits),
        suspects=tuple(message.suspects),
    )


Opens = Callable[[coordinator.PartyProgress], dict[str, Any] | None]


def progress(messages: Iterable[coordinator.PartyProgress], opens: Opens) -> tuple[Progress, ...]:
    return tuple(
        Progress(party=each.party, state=each.state, step=each.step, training=opens(each)) for each in messages
    )


def dataset(message: types.Dataset) -> Dataset:
    columns = tuple(
        Column(
            name=each.name,
            type=each.type,
            decimals=each.decimals,
            groups=tuple(each.groups),
            minimum=each.minimum,
            maximum=each.maximum,
        )
        for each in message.columns
    )
    return Dataset(name=message.name, columns=columns)


def party(message: coordinator.Party) -> Party:
    return Party(
        id=message.id,
        reachable=message.reachable,
        seen_ms=message.seen_ms,
        version=message.version,
        certificate_days=message.certificate_days,
        manifest=message.manifest,
        problem=message.problem,
        datasets=tuple(dataset(each) for each in message.datasets),
        sharings=tuple(standing(each) for each in message.sharings),
    )


def standing(message: types.Sharing) -> Standing:
    described = dataset(message.dataset)
    return Standing(
        id=message.id,
        name=message.name,
        dataset=described.name,
        columns=described.columns,
        epoch=message.epoch,
        standing=message.standing,
        threshold=message.threshold,
        holders=tuple(message.holders),
        undecided=message.undecided,
    )


def contribution(message: coordinator.Contribution) -> Contribution:
    """As the coordinator tells it; the nodes go by the signatures, not by this."""
    header = codec.signed_from_proto(message.header).expect(ContributionHeader)
    if header.id != message.id:
        raise Malformed("the coordinator shows a contribution under another id than its own")
    return Contribution(
        id=header.id,
        contributor=header.contributor,
        dataset=header.dataset,
        columns=tuple(each.name for each in header.columns),
        rows=header.rows,
        created_ms=header.created_ms,
        expires_ms=header.expires_ms,
        deliveries=tuple(map(_delivery, message.deliveries)),
    )


def _delivery(message: coordinator.Delivery) -> Delivery:
    said = problem(message.failure) if message.HasField("failure") else None
    return Delivery(party=message.party, state=message.state, problem=said)


def inbox_item(message: node.InboxItem) -> InboxItem:
    return InboxItem(
        id=message.id,
        contributor=message.contributor,
        sponsor=message.sponsor,
        dataset=message.dataset,
        purpose=message.purpose,
        created_ms=message.created_ms,
        expires_ms=message.expires_ms,
    )


def sealing_keys(parties: Iterable[coordinator.Party]) -> list[tuple[str, Signed]]:
    """By party, as the coordinator relays them; nothing in them has been checked yet."""
    return [(each.id, codec.signed_from_proto(each.sealing_key)) for each in parties if each.HasField("sealing_key")]


def owned_dataset(message: node.OwnedDataset, *, unchanged: bool = False) -> OwnedDataset:
    return OwnedDataset(
        dataset=dataset(message.dataset),
        rows=message.rows,
        version=message.version,
        imported_ms=message.imported_ms,
        unchanged=unchanged,
    )


def owned_model(message: node.OwnedModel) -> OwnedModel:
    card = records.from_json(message.card, dict[str, Any])
    return OwnedModel(card=card, digest=message.digest, bytes=message.bytes, kept_ms=message.kept_ms)


def vault_status(message: node.ReadVaultResponse) -> VaultStatus:
    return VaultStatus(
        current=message.current,
        versions=tuple(KeyVersion(version=each.version, keys=each.keys, held=each.held) for each in message.versions),
        units={each.kind: each.units for each in message.kinds},
        files=message.files,
        bytes=message.bytes,
        generation=message.generation,
        faults=tuple(VaultFault(unit=each.unit, problem=each.problem) for each in message.faults),
    )


def audit(message: node.ReadAuditResponse) -> Audit:
    entries = tuple(
        AuditEntry(
            sequence=each.sequence,
            time_ms=each.time_ms,
            event=each.event,
            fields=_fields(each.fields),
            digest=each.digest,
        )
        for each in message.entries
    )
    return Audit(entries=entries, intact=message.intact, head=message.head)


def ledger(message: node.ReadLedgerResponse) -> Ledger:
    return Ledger(
        releases=tuple(_release(each) for each in message.releases),
        budgets=tuple(Budget(dataset=b.dataset, spent=b.spent, allowed=b.allowed) for b in message.budgets),
    )


def _release(message: node.Release) -> Release:
    return Release(
        computation=message.computation,
        column=message.column,
        filter=message.filter,
        function=message.function,
        requester=message.requester,
        parties=tuple(message.parties),
        time_ms=message.time_ms,
        epsilon=message.epsilon,
    )


def _fields(text: str) -> dict[str, Any]:
    try:
        return records.from_json(text or "{}", dict[str, Any])
    except records.DecodeError:
        raise Malformed("an audit entry whose particulars are no JSON object") from None
