"""What this node tells others about its datasets: what its policy lets them ask about, no data."""

from __future__ import annotations

from node.books import Books
from node.sharings import Shelf
from steelyard.errors import PolicyRefused
from steelyard.privacy.policy import ALL, Policy
from steelyard.tables.schema import Column, Schema
from steelyard.v1 import types_pb2


def catalogue(books: Books) -> list[types_pb2.Dataset]:
    """Empty when the policy cannot be read."""
    try:
        policy = books.policy.read()
    except PolicyRefused:
        return []
    shown = [(each.name, _visible(policy, each.name, each.schema)) for each in books.datasets.list()]
    return [describe(name, schema) for name, schema in shown if schema.columns]


def sharings(books: Books) -> list[types_pb2.Sharing]:
    """All that this node has heard of, whatever the policy says of questions about them."""
    return [_sharing(shelf) for shelf in books.sharings.list(every=True)]


def _sharing(shelf: Shelf) -> types_pb2.Sharing:
    stored, record = shelf.stored, shelf.record
    columns = [
        types_pb2.Column(name=name, type="decimal", decimals=decimals)
        for name, decimals in zip(stored.columns, stored.parts[0].decimals, strict=True)
    ]
    committee = record.active.committee if record.active else None
    return types_pb2.Sharing(
        id=stored.id,
        name=stored.name,
        dataset=types_pb2.Dataset(name=stored.dataset, columns=columns),
        epoch=record.base.epoch,
        standing=record.standing,
        threshold=committee.threshold if committee else 0,
        holders=committee.holders if committee else (),
        undecided=record.undecided is not None,
    )


def describe(name: str, schema: Schema) -> types_pb2.Dataset:
    """A dataset's columns, with the bounds that the owner declared, without numbers."""
    return types_pb2.Dataset(name=name, columns=map(_column, schema.columns))


def _column(column: Column) -> types_pb2.Column:
    described = column.describe()
    return types_pb2.Column(
        name=column.name,
        type=column.kind,
        decimals=column.decimals,
        groups=column.groups,
        minimum=str(described.get("minimum", "")),
        maximum=str(described.get("maximum", "")),
    )


def _visible(policy: Policy, dataset: str, schema: Schema) -> Schema:
    rule = policy.datasets.get(dataset) or policy.datasets.get(ALL)
    if rule is None:
        return Schema(columns=())
    listed = {*rule.columns, *rule.filters}
    return Schema(columns=tuple(each for each in schema.columns if ALL in listed or each.name in listed))
