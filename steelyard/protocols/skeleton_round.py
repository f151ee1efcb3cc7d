"""Skeleton round: what firms have dealt, padded rows, becomes the arcs that are cleared, and goes back to each firm.

Model       that of steelyard.protocols.skeleton.
Rounds      0 of its own: those of a skeleton, of bounds before and of two placings behind.   Sends the same.
Reveals     what a skeleton does, to the compute nodes.
Follows     steelyard.protocols.skeleton.
Differs     a number that is no firm's becomes one: who lies can do so in its own name only.
"""

from __future__ import annotations

import numpy as np

from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.place import place
from steelyard.protocols.sealed_round import Declared, Gathered, Told, constant, layout_of, offered
from steelyard.protocols.select import within
from steelyard.protocols.skeleton import Skeleton, Submitted, assemble, bring_back, confirmed_rows
from steelyard.rounds import Protocol
from steelyard.setoff.network import FULL, Amounts
from steelyard.setoff.terms import Terms


def gather(circle: Circle, terms: Terms, declared: Declared, smaller: bool) -> Protocol[Gathered]:
    # 1. All rows of one side, those of all firms behind each other.
    sides = [_column(declared, side) for side in ("creditors", "debtors")]
    named = yield from within(circle, np.concatenate(sides), terms.size)
    others = named[: sides[0].size], named[sides[0].size :]
    debtors, creditors = (
        Submitted(_owners(declared, layer), numbers, _column(declared, layer))
        for layer, numbers in zip(("payables", "receivables"), others, strict=True)
    )
    # 2. The graph under fresh names, and cash under the same.
    skeleton = yield from assemble(circle, terms.size, debtors, creditors, smaller)
    amounts, arcs = [skeleton.amounts], skeleton.topology.arcs
    if terms.cash:
        money = (yield from offered(circle, terms, declared)).reshape(2, terms.size)
        amounts += yield from place(circle, skeleton.labels, *money)
    together = np.concatenate(amounts)
    worths = np.concatenate([constant(FULL, arcs), constant(0, together.size - arcs)])
    way = (skeleton.kept.astype(np.uint64), skeleton.places, skeleton.matched, skeleton.agreed)
    layout = layout_of(terms, skeleton.topology)
    return Gathered(layout, together, worths, (*way, skeleton.numbers, skeleton.labels))


def tell(circle: Circle, terms: Terms, declared: Declared, gathered: Gathered, flow: Vector) -> Protocol[Told]:
    """Of every firm: what is cleared of its rows, where the other side says the same, and its cash."""
    kept, places, matched, agreed, numbers, labels = gathered.way
    arcs = gathered.layout.debts.arcs
    skeleton = Skeleton(
        gathered.layout.debts, gathered.amounts[:arcs], kept.astype(np.int64), places, matched, agreed, numbers, labels
    )
    # 1. Each row's, then cash by firm again.
    cleared = yield from bring_back(circle, skeleton, flow[:arcs])
    confirmed = yield from confirmed_rows(circle, skeleton)
    cash: list[Vector] = []
    if terms.cash:
        _, tenders, acceptances, _ = gathered.layout.starts
        (firms,) = yield from place(circle, labels, np.arange(terms.size, dtype=np.uint64))
        cash = yield from place(circle, firms, flow[tenders:acceptances], flow[acceptances:])
    # 2. To whom each belongs: the rows of debtors stand before those of creditors.
    owing, owed = (_owners(declared, layer) for layer in ("payables", "receivables"))
    return {
        firm: np.concatenate(
            [
                *(side for rows in (cleared, confirmed) for side in _of(firm, owing, owed, rows)),
                *(column[[firm]] for column in cash),
            ]
        )
        for firm in declared
    }


def _of(firm: int, owing: Amounts, owed: Amounts, rows: Vector) -> tuple[Vector, Vector]:
    return rows[: owing.size][owing == firm], rows[owing.size :][owed == firm]


def _owners(declared: Declared, layer: str) -> Amounts:
    sizes = [layers[layer].size for layers in declared.values()]
    return np.repeat(np.fromiter(declared, dtype=np.int64, count=len(declared)), sizes)


def _column(declared: Declared, layer: str) -> Vector:
    return np.concatenate([np.zeros(0, dtype=np.uint64), *(layers[layer] for layers in declared.values())])
