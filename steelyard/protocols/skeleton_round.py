"""Skeleton round: what firms have dealt, padded rows, becomes the arcs that are cleared, and goes back to each firm.

Model       that of steelyard.protocols.skeleton.
Rounds      0 of its own: those of a skeleton, of bounds before and of two placings behind; of two skeletons where there
            are credit lines.   Sends the same.
Reveals     what a skeleton does, to the compute nodes; where there are credit lines, of these another one, under the
            same pseudonyms.  Firms are filled up with rows until some others have as many (steelyard.setoff.classes),
            so that nobody's number of rows, which all know, tells which pseudonym it has; the number of arcs that lead
            to it still may, where it is far from those of the others who pay as many.
Follows     steelyard.protocols.skeleton.
Differs     a number that is no firm's becomes one: who lies can do so in its own name only.  Of a credit line the
            smaller counts of what lender and borrower say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.place import place
from steelyard.protocols.sealed_round import Declared, Gathered, Told, constant, layout_of, offered
from steelyard.protocols.select import within
from steelyard.protocols.skeleton import (
    Rules,
    Skeleton,
    Submitted,
    assemble,
    bring_back,
    confirmed_rows,
    pseudonyms,
)
from steelyard.rounds import Protocol
from steelyard.setoff.classes import filled
from steelyard.setoff.network import Amounts
from steelyard.setoff.terms import Terms


@dataclass(frozen=True, slots=True)
class _Side:
    """The layers of one side's rows; `worths` is empty where all count alike."""

    amounts: str
    others: str
    worths: str = ""

    def blank(self, nobody: int) -> dict[str, int]:
        """What stands in a row that only fills up."""
        return {self.amounts: 0, self.others: nobody} | ({self.worths: 0} if self.worths else {})


_CREDIT: Final = (_Side("lends", "borrowers"), _Side("borrows", "lenders"))
_WAY: Final = 5  # vectors that lead the results of one skeleton back


def gather(circle: Circle, terms: Terms, declared: Declared, smaller: bool, group: int) -> Protocol[Gathered]:
    """`group`: so many firms at least pay the same number of arcs."""
    # 1. The graph of debts, under fresh names.
    whole = _filled(terms, declared, group)
    labels = yield from pseudonyms(circle, terms.size)
    rules = Rules(smaller, terms.groups)
    debts = yield from _skeleton(circle, terms, whole, labels, _debts(terms), rules)
    amounts, way, lent = [debts.amounts], (labels, *debts.way), None
    # 2. Credit, cash and caps under the same, which clear nothing themselves.
    if terms.credit:
        credit = yield from _skeleton(circle, terms, whole, labels, _CREDIT, Rules(smaller=True))
        amounts, way, lent = [*amounts, credit.amounts], (*way, *credit.way), credit.topology
    if terms.cash or terms.caps:
        money = (yield from offered(circle, terms, declared)).reshape(-1, terms.size)
        amounts += yield from place(circle, labels, *money)
    together = np.concatenate(amounts)
    worths = np.concatenate([debts.worths, constant(0, together.size - debts.worths.size)])
    return Gathered(layout_of(terms, debts.topology, lent), together, worths, way)


def tell(
    circle: Circle, terms: Terms, declared: Declared, gathered: Gathered, flow: Vector, group: int
) -> Protocol[Told]:
    """Of every firm: what is cleared of its rows, where the other side says the same, its credit and its cash."""
    labels, *way = gathered.way
    layout, whole = gathered.layout, _filled(terms, declared, group)
    credit, tenders, acceptances, caps = layout.starts
    # 1. Each row's, then cash by firm again.
    debts = Skeleton.known(layout.debts, way[:_WAY])
    cleared = yield from bring_back(circle, debts, flow[:credit])
    confirmed = yield from confirmed_rows(circle, debts)
    rows = [(_debts(terms), cleared), (_debts(terms), confirmed)]
    if terms.credit:
        lent = yield from bring_back(circle, Skeleton.known(layout.lent, way[_WAY:]), flow[credit:tenders])
        rows.append((_CREDIT, lent))
    cash: list[Vector] = []
    if terms.cash:
        (firms,) = yield from place(circle, labels, np.arange(terms.size, dtype=np.uint64))
        cash = yield from place(circle, firms, flow[tenders:acceptances], flow[acceptances:caps])
    # 2. To whom each belongs: the rows of one side stand before those of the other.
    sorted_ = [_by_firm(whole, side, values) for sides, found in rows for side, values in _split(whole, sides, found)]
    return {
        firm: np.concatenate([*(each[firm][:own] for each in sorted_), *(column[[firm]] for column in cash)])
        for firm, own in zip(declared, _rows(declared), strict=True)
    }


def _debts(terms: Terms) -> tuple[_Side, _Side]:
    worths = ("payable_worths", "receivable_worths") if terms.aged else ("", "")
    return _Side("payables", "creditors", worths[0]), _Side("receivables", "debtors", worths[1])


def _rows(declared: Declared) -> list[int]:
    return [layers["payables"].size for layers in declared.values()]


def _filled(terms: Terms, declared: Declared, group: int) -> Declared:
    """With rows that lead nowhere, of nothing, behind those of a payer's side, where too few firms have as many."""
    made = {}
    payers = [_debts(terms)[0], *([_CREDIT[0]] if terms.credit else [])]
    for (firm, layers), rows in zip(declared.items(), filled(_rows(declared), group), strict=True):
        more = rows - layers["payables"].size
        columns = {name: value for side in payers for name, value in side.blank(terms.size).items()}
        longer = {name: np.concatenate([layers[name], constant(value, more)]) for name, value in columns.items()}
        made[firm] = {**layers, **longer}
    return made


def _skeleton(
    circle: Circle, terms: Terms, declared: Declared, labels: Vector, sides: tuple[_Side, _Side], rules: Rules
) -> Protocol[Skeleton]:
    """Of all rows, those of all firms behind each other."""
    others = [_column(declared, side.others) for side in sides]
    named = yield from within(circle, np.concatenate(others), terms.size)
    first = others[0].size
    debtors, creditors = _submitted(declared, sides[0], named[:first]), _submitted(declared, sides[1], named[first:])
    return (yield from assemble(circle, labels, debtors, creditors, rules))


def _submitted(declared: Declared, side: _Side, others: Vector) -> Submitted:
    worths = _column(declared, side.worths) if side.worths else None
    return Submitted(_owners(declared, side.amounts), others, _column(declared, side.amounts), worths)


def _split(declared: Declared, sides: tuple[_Side, _Side], rows: Vector) -> list[tuple[_Side, Vector]]:
    first = _owners(declared, sides[0].amounts).size
    return [(sides[0], rows[:first]), (sides[1], rows[first:])]


def _by_firm(declared: Declared, side: _Side, values: Vector) -> dict[int, Vector]:
    """The rows of every firm."""
    sizes = [layers[side.amounts].size for layers in declared.values()]
    return dict(zip(declared, np.split(values, np.cumsum(sizes)[:-1]), strict=True))


def _owners(declared: Declared, layer: str) -> Amounts:
    sizes = [layers[layer].size for layers in declared.values()]
    return np.repeat(np.fromiter(declared, dtype=np.int64, count=len(declared)), sizes)


def _column(declared: Declared, layer: str) -> Vector:
    return np.concatenate([np.zeros(0, dtype=np.uint64), *(layers[layer] for layers in declared.values())])
