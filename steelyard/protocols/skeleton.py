"""Skeleton: who owes whom, under fresh pseudonyms and padded, opened to the compute nodes; amounts stay shared.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; each pair of firms is said at most once by either.
Rounds      53 for 30 rows at k = 2, with the way back, 86 at k = 3; 129 for 16,000 rows, for the sort takes more.
            Sends, at 2-of-3, 1,000 bytes per party and submitted row.
Reveals     to the compute nodes: a graph over pseudonyms, of zero-amount arcs too.  Every firm pays as many arcs as
            rows it has, whatever it owes, but for those that chance leads to itself; it is paid by those who owe it
            and by as many others as chance wants.  So a pseudonym's payables tell its rows, its receivables little
            more than how many owe it.  To firms: nothing.
Follows     shuffle, then open (Laur, Willemson, Zhang 2011); the labels are a random order nobody knows.
Differs     no tags and no OPRF: both sides submit the numbers of debtor and creditor as shares, and what is said twice
            is found by a sort on shares.  Pseudonyms and chance are made anew in every attempt and link to nothing;
            who lays two graphs of the same debts on each other may see padding, which differs.  Whether two firms are
            of one group, of those that clear nothing among themselves, is compared on shares, too.

A row that only fills up names the number of firms as its other side.  Debtors' rows come first, then creditors'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from steelyard import field as elements
from steelyard.field import Vector
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import equal
from steelyard.protocols.confirmation import confirm
from steelyard.protocols.multiply import multiply
from steelyard.protocols.open_numbers import open_numbers
from steelyard.protocols.place import place
from steelyard.protocols.select import minimum, within
from steelyard.protocols.shuffle import shuffle
from steelyard.protocols.sort import sort
from steelyard.rounds import Protocol
from steelyard.setoff.network import FULL, MOST_WORTH, Amounts, Topology


@dataclass(frozen=True, slots=True)
class Submitted:
    """Rows of one side: who submitted each (public, from 0), and shares of the other side's number and the amount.

    `worths`, in sixteenths, where not all debts count alike.
    """

    owners: Amounts
    others: Vector = field(repr=False)
    amounts: Vector = field(repr=False)
    worths: Vector | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """Public.  `smaller` as in confirm; `groups`: for every firm a number, and those of one number clear nothing."""

    smaller: bool = False
    groups: tuple[Amounts, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What the nodes compute on, and what takes results back; vectors are shares, in the order of the arcs first."""

    topology: Topology = field(repr=False)
    amounts: Vector = field(repr=False)  # of every arc
    worths: Vector = field(repr=False)  # of every arc
    kept: Amounts = field(repr=False)  # which of the shuffled rows are arcs
    places: Vector = field(repr=False)  # of every shuffled row, where it stood in the sorted order
    matched: Vector = field(repr=False)  # in the sorted order: 1 where the next row is of the same debt
    agreed: Vector = field(repr=False)  # in the sorted order: 1 where it is and both say the same amount
    numbers: Vector = field(repr=False)  # in the sorted order: the row as submitted

    @property
    def way(self) -> tuple[Vector, ...]:
        """What leads results back."""
        return (self.kept.astype(np.uint64), self.places, self.matched, self.agreed, self.numbers)

    @classmethod
    def known(cls, topology: Topology, way: Sequence[Vector]) -> Skeleton:
        """One that results are brought back from; its amounts are not needed for that."""
        kept, *rest = way
        nothing = np.zeros(0, dtype=np.uint64)
        return cls(topology, nothing, nothing, kept.astype(np.int64), *rest)


def pseudonyms(circle: Circle, firms: int) -> Protocol[Vector]:
    """Shares of 0 .. firms - 1 in an order nobody knows: every firm's name in a skeleton."""
    (labels,) = yield from shuffle(circle, np.arange(firms, dtype=np.uint64))
    return labels


def assemble(
    circle: Circle, labels: Vector, debtors: Submitted, creditors: Submitted, rules: Rules = Rules()
) -> Protocol[Skeleton]:
    """The skeleton of what both sides have said, from what either submitted, under these pseudonyms."""
    owners = np.concatenate([debtors.owners, creditors.owners])
    firms, count, debts = labels.size, owners.size, debtors.owners.size
    # 1. Pseudonyms for the arcs that lead anywhere.
    (chance,) = yield from shuffle(circle, np.resize(np.arange(firms, dtype=np.uint64), count))
    # 2. Rows of one pair next to each other, the debtor's before the creditor's.
    key, *columns = yield from sort(
        circle,
        _keys(firms, debtors, creditors),
        np.arange(count, dtype=np.uint64),
        np.concatenate([np.zeros(debts, dtype=np.uint64), np.ones(count - debts, dtype=np.uint64)]),
        labels[owners],
        np.concatenate([debtors.amounts, creditors.amounts]),
        *(group[owners].astype(np.uint64) for group in rules.groups),
        *_worths(debtors, creditors),
        bits=(2 * (firms + 1) ** 2).bit_length(),
    )
    numbers, sides, labels_of, amounts, *further = columns
    groups, worths = further[: len(rules.groups)], further[len(rules.groups) :]
    # 3. What both say, and how much, unless they are of one group; and how much it counts for, the younger of two ages.
    matched, agreed, owed = yield from _matched(circle, key, sides, amounts, rules.smaller)
    for group in groups:
        owed = yield from _apart(circle, group, owed)
    for each in worths:
        younger = yield from minimum(circle, each, _next(each))
        worths = [(yield from within(circle, younger, MOST_WORTH))]
    # 4. From whom to whom each debtor's row leads; the other rows lead nowhere, which is 0.
    paying = elements.subtract(np.ones_like(sides), sides)
    payee = elements.add(chance, (yield from multiply(circle, matched, elements.subtract(_next(labels_of), chance))))
    ends = np.concatenate([_raised(labels_of), _raised(payee)])
    payers, payees = np.split((yield from multiply(circle, np.tile(paying, 2), ends)), 2)
    # 5. Shuffled, the ends are opened.
    standing = np.arange(count, dtype=np.uint64)
    payers, payees, owed, places, *worths = yield from shuffle(circle, payers, payees, owed, standing, *worths)
    opened = (yield from open_numbers(circle, "skeleton", np.concatenate([payers, payees]))).astype(np.int64)
    one, other = np.split(opened, 2)
    kept = np.flatnonzero((one > 0) & (one != other))
    topology = Topology(firms, one[kept] - 1, other[kept] - 1)
    counted = worths[0][kept] if worths else np.full(kept.size, FULL, dtype=np.uint64)
    return Skeleton(topology, owed[kept], counted, kept, places, matched, agreed, numbers)


def bring_back(circle: Circle, skeleton: Skeleton, flow: Vector) -> Protocol[Vector]:
    """Shares of what is cleared of every row as it was submitted: for the firm whose row it is."""
    # 1. In the sorted order: every debtor's row has its arc's flow, and its creditor's row is the next.
    rows = np.zeros_like(skeleton.places)
    rows[skeleton.kept] = flow
    (ordered,) = yield from place(circle, skeleton.places, rows)
    told = yield from multiply(circle, skeleton.matched, ordered)
    # 2. In the order of submission.
    (back,) = yield from place(circle, skeleton.numbers, elements.add(ordered, _before(told)))
    return back


def confirmed_rows(circle: Circle, skeleton: Skeleton) -> Protocol[Vector]:
    """Shares of 1 for every row, as it was submitted, whose other side says the same, of 0 for the others."""
    both = elements.add(skeleton.agreed, _before(skeleton.agreed))
    (back,) = yield from place(circle, skeleton.numbers, both)
    return back


def _keys(firms: int, debtors: Submitted, creditors: Submitted) -> Vector:
    """Two for every pair of debtor and creditor, the even one for the debtor's row."""
    width = firms + 1
    own, theirs = (each.owners.astype(np.uint64) for each in (debtors, creditors))
    return np.concatenate(
        [
            elements.combine([2 * width, 2], [own, debtors.others]),
            elements.combine([2 * width, 2, 1], [creditors.others, theirs, np.ones_like(theirs)]),
        ]
    )


def _worths(debtors: Submitted, creditors: Submitted) -> list[Vector]:
    """One column, or none where all debts count alike."""
    if debtors.worths is None or creditors.worths is None:
        return []
    return [np.concatenate([debtors.worths, creditors.worths])]


def _apart(circle: Circle, group: Vector, owed: Vector) -> Protocol[Vector]:
    """What is owed, but nothing where the next row, the creditor's, is of the same group."""
    same = yield from equal(circle, group, _next(group))
    barred = (yield from to_field(circle, same, owed.size))[0]
    return elements.subtract(owed, (yield from multiply(circle, barred, owed)))


def _matched(
    circle: Circle, key: Vector, sides: Vector, amounts: Vector, smaller: bool
) -> Protocol[tuple[Vector, Vector, Vector]]:
    """Of every row whether it is a debtor's and the next its creditor's, and says the same; and what takes part."""
    follows = yield from equal(circle, _raised(key), _next(key))
    pairs = (yield from to_field(circle, follows, key.size))[0]
    matched = elements.subtract(pairs, (yield from multiply(circle, pairs, sides)))
    confirmed = yield from confirm(circle, amounts, _next(amounts), smaller)
    both = np.concatenate([confirmed.agreed, confirmed.amounts])
    agreed, owed = np.split((yield from multiply(circle, np.tile(matched, 2), both)), 2)
    return matched, agreed, owed


def _next(column: Vector) -> Vector:
    """Of every row the next one's; of the last the first's, whose key never follows."""
    return np.roll(column, -1)


def _before(column: Vector) -> Vector:
    """Of every row that of the row before; of the first nothing."""
    return np.concatenate([np.zeros(1, dtype=np.uint64), column[:-1]])


def _raised(column: Vector) -> Vector:
    return elements.add(column, np.ones_like(column))
