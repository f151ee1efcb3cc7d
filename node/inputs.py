"""What this node brings into a computation: read from its own datasets, in minor units, as a secret."""

from __future__ import annotations

import numpy as np

from node.datasets import Datasets, Vector
from steelyard.errors import Invalid
from steelyard.functions.aggregate import Aggregate
from steelyard.functions.total import Layers, Question
from steelyard.privacy.policy import Policy
from steelyard.protocols.greet import Offer
from steelyard.secret import Secret
from steelyard.tables.schema import Column


def offer(datasets: Datasets, policy: Policy, wanted: Aggregate) -> Offer:
    """Without the dataset the node takes part without contributing; with it, the column must be there."""
    held = datasets.find(wanted.dataset)
    if held is None:
        return Offer(contributes=False, minimum_rows=policy.minimum_rows, minimum_group=policy.minimum_group)
    column = held.schema.column(wanted.column)
    return Offer(
        contributes=True,
        version=held.version,
        decimals=column.decimals,
        bound=_bound(column),
        minimum_rows=policy.minimum_rows,
        minimum_group=policy.minimum_group,
    )


def layers(datasets: Datasets, question: Question, version: str) -> Secret[Layers]:
    """The cells of every layer that is dealt, (cells,) int64 each; Conflict if the data is no longer `version`."""
    wanted = question.wanted
    if wanted.length:
        vector = datasets.vector(wanted.dataset, wanted.column, wanted.filter, version=version)
        if len(vector) != wanted.length:
            raise Invalid("the column of this party has not the length asked for")
        return Secret({"sum": vector})
    if "sum" not in question.dealt:
        counts = datasets.counts(wanted.dataset, wanted.filters, version=version)
        return Secret({"count": counts, "parties": _any(counts)})
    totals = datasets.totals(wanted.dataset, wanted.column, wanted.filters, version=version)
    return Secret({"sum": totals.sums, "count": totals.counts, "parties": _any(totals.counts)})


def _any(counts: Vector) -> Vector:
    """1 for every cell in which this party has rows, else 0."""
    return (counts > 0).astype(np.int64)


def _bound(column: Column) -> int:
    """The largest |value| a row may have by declaration, in minor units; 0 when none is declared."""
    if column.minimum is None or column.maximum is None:
        return 0
    return max(abs(column.minimum), abs(column.maximum))
