"""What this node brings into a computation: read from its own datasets, in minor units, as a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.datasets import Dataset, Datasets, Vector
from node.sharings import Sharings
from steelyard.documents.terms import Terms
from steelyard.functions.question import Layers, Question
from steelyard.privacy.policy import Policy
from steelyard.protocols.greet import Offer
from steelyard.secret import Secret
from steelyard.tables.filter import Filter
from steelyard.tables.schema import Column


@dataclass(frozen=True, slots=True)
class Rows:
    """One dataset at one version; raises Conflict once the data is another."""

    datasets: Datasets
    dataset: Dataset

    def totals(self, column: str, filters: Sequence[Filter]) -> tuple[Vector, Vector]:
        found = self.datasets.totals(self.dataset.name, column, filters, version=self.dataset.version)
        return found.sums, found.counts

    def counts(self, filters: Sequence[Filter]) -> Vector:
        return self.datasets.counts(self.dataset.name, filters, version=self.dataset.version)

    def values(self, column: str, where: Filter) -> Vector:
        return self.datasets.vector(self.dataset.name, column, where, version=self.dataset.version)

    def texts(self, column: str, where: Filter) -> Sequence[str]:
        return self.datasets.texts(self.dataset.name, column, where, version=self.dataset.version)

    def has(self, column: str) -> bool:
        return column in self.dataset.schema.names


def offer(datasets: Datasets, sharings: Sharings, policy: Policy, question: Question[Any]) -> Offer:
    """Without the dataset the node takes part without contributing; with it, the columns must be there."""
    if question.wanted.stored:
        shelf = sharings.find(question.wanted.stored)
        able = shelf is not None and (not question.restores or sharings.is_sound(shelf.record))
        epoch = shelf.epoch if shelf and able else ""  # who has lost its share is no helper
        return Offer(False, epoch, minimum_rows=policy.minimum_rows, minimum_group=policy.minimum_group)
    held = None if question.contributed else datasets.find(question.wanted.dataset)
    group = 0 if question.consented else policy.minimum_group
    if held is None:
        return Offer(contributes=False, minimum_rows=policy.minimum_rows, minimum_group=group)
    columns = _columns(held, question)
    return Offer(
        contributes=True,
        version=held.version,
        decimals=tuple(column.decimals for column in columns),
        bounds=tuple(_bound(column) for column in columns),
        rows=question.rows(Rows(datasets, held)),
        enough=not (question.wanted.narrowed or question.private) and held.rows >= policy.minimum_rows,
        minimum_rows=policy.minimum_rows,
        minimum_group=group,
        dropouts=policy.dropouts_in_training,
        terms=policy.terms(question.wanted.dataset) if question.stores else Terms(),
    )


def concerns(datasets: Datasets, question: Question[Any]) -> bool:
    """Whether this party has data that the question is about."""
    held = datasets.find(question.wanted.dataset)
    return held is not None and question.rows(Rows(datasets, held)) > 0


def layers(datasets: Datasets, question: Question[Any], offered: Offer) -> Secret[Layers]:
    """What was offered; Conflict if the data is no longer of that version."""
    held = datasets.at(question.wanted.dataset, offered.version)
    return Secret(question.bring(Rows(datasets, held), offered.rows))


def _columns(held: Dataset, question: Question[Any]) -> list[Column]:
    """Those of the question; one that may be lacking counts as zeros, at the scale of the others.  Raises NotFound."""
    there = {name for name in question.wanted.columns if name in held.schema.names}
    decimals = max((held.schema.column(name).decimals for name in there), default=0)
    return [
        Column(name=name, kind="decimal", decimals=decimals)
        if name in question.optional - there
        else held.schema.column(name)
        for name in question.wanted.columns
    ]


def _bound(column: Column) -> int:
    """The largest |value| a row may have by declaration, in minor units; 0 when none is declared."""
    if column.minimum is None or column.maximum is None:
        return 0
    return max(abs(column.minimum), abs(column.maximum))
