"""Histogram: how many rows of all parties lie in each of several public bins of a column, over all rows or by group.

Model       malicious for dealings, openings and the input set, at most k-1 nodes; inputs are what their owners say.
Rounds      0 after the inputs are fixed, and those of steelyard.functions.suppression.   Sends nothing more.
Reveals     to the requester: the number of rows in each bin that is not suppressed.
Follows     summation of Shamir shares (Ben-Or, Goldwasser, Wigderson 1988).
Differs     every owner sorts its own rows into bins, so nothing is compared but the numbers of rows with the minimums.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from steelyard import fixedpoint
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.functions import suppression
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Record, Released, Table, Values
from steelyard.functions.selection import Cells
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.bins import binned
from steelyard.protocols.compare import longest_message
from steelyard.protocols.greet import Greeting
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol
from steelyard.tables.filter import Filter, parse

MAX_EDGES: Final = 256
MAX_BINS: Final = 4_096  # of all groups
MAX_COMPARED: Final = 1 << 22  # stored rows with edges
_BYTES_PER_BIN: Final = 1_024  # of the longest message

_EDGE: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,6})?")

Edge = Annotated[str, msgspec.Meta(max_length=26)]
Bin = tuple[str | None, str | None]  # the least that is in it, the least that is above it


class Bins(Cells, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `edges` are ascending decimals; a value at an edge is in the bin that begins there."""

    edges: Annotated[tuple[Edge, ...], msgspec.Meta(min_length=1, max_length=MAX_EDGES)]

    @property
    def bins(self) -> tuple[Bin, ...]:
        return tuple(pairwise((None, *self.edges, None)))

    @property
    def cells(self) -> int:
        return super().cells * len(self.bins)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """One for each bin of each group."""
        return tuple(self._within(each, *bounds) for each in super().filters for bounds in self.bins)

    @property
    def narrowed(self) -> str:
        """Every bin is a selection of rows: enough rows in all say nothing about it."""
        return " by ".join(part for part in (super().narrowed, f"{self.column} at {', '.join(self.edges)}") if part)

    def check(self) -> None:
        super().check()
        if not all(map(_EDGE.fullmatch, self.edges)):
            raise Invalid("an edge is a plain decimal number, such as -1000.50, with at most 6 decimals")
        if any(Decimal(low) >= Decimal(high) for low, high in pairwise(self.edges)):
            raise Invalid("the edges of bins ascend: write them from the smallest to the largest, each once")
        if self.cells > MAX_BINS:
            raise Invalid(f"at most {MAX_BINS} bins, those of all groups together")
        self._within(super().filters[0], self.edges[0], self.edges[-1])  # refused if the filter has no room for bins

    def _within(self, where: Filter, low: str | None, high: str | None) -> Filter:
        ends = [f"{self.column} {sign} {edge}" for sign, edge in ((">=", low), ("<", high)) if edge is not None]
        return parse(" AND ".join([*([where.text] if where.conditions else []), *ends]))


class Histogram(Question[Bins]):
    """A contributor deals its number of rows in every bin, and whether there are any."""

    @property
    def searches(self) -> bool:
        """With other edges around a row, one histogram after the other would find its value."""
        return True

    @property
    def multiplies(self) -> bool:
        """Owners count their own rows; stored ones have to be compared with the edges."""
        return bool(self.wanted.stored)

    def values(self, rows: int) -> int:
        return len(suppression.LAYERS) * self.wanted.cells

    def bring(self, table: Table, rows: int) -> Layers:
        filters, bins = self.wanted.filters, len(self.wanted.bins)
        # A bin of all groups at once takes one pass over the rows.
        counts = np.stack([table.counts(filters[each::bins]) for each in range(bins)], axis=1).reshape(-1)
        return {"count": counts, "parties": (counts > 0).astype(np.int64)}

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        counts = np.concatenate([brought[layer] for layer in suppression.LAYERS])
        fixedpoint.check_aggregate(counts, len(attempt.participants))
        return counts

    def recall(self, held: Held, records: Mapping[PartyId, Record]) -> Protocol[Mapping[PartyId, Vector]]:
        rows = [record.of("rows") for record in records.values()]
        edges = [fixedpoint.parse(edge, held.greeting.decimals[0]) for edge in self.wanted.edges]
        if any(record.vector for record in records.values()):
            raise Invalid("vectors are not counted by bins: share the column without --vector")
        if sum(each.size for each in rows) * len(edges) > MAX_COMPARED:
            raise Invalid(f"at most {MAX_COMPARED} comparisons of stored rows with edges: ask for fewer edges")
        circle = yield from held.circle()
        valid = [record.of_all("valid") for record in records.values()]
        counts, some = yield from binned(circle.branch("bins"), rows, valid, edges)
        return {party: np.concatenate([counts[index], some[index]]) for index, party in enumerate(records)}

    def release(self, held: Held) -> Protocol[Released]:
        rows, parties = held.sum().reshape(len(suppression.LAYERS), self.wanted.cells)
        left_out = yield from suppression.suppressed(held, rows, parties)
        return Released(np.delete(rows, left_out), left_out)

    def figures(self, opened: Opening) -> dict[str, Any]:
        (counts,) = opened.rows(1, self.wanted.cells)
        cells = self._cells(iter(counts.tolist()), set(opened.suppressed))
        if not self.wanted.group_by:
            return {"bins": list(cells)}
        return {
            "groups": [{"group": name, "bins": [next(cells) for _ in self.wanted.bins]} for name in self.wanted.groups]
        }

    def _cells(self, counts: Iterator[int], hidden: set[int]) -> Iterator[dict[str, Any]]:
        for cell in range(self.wanted.cells):
            low, high = self.wanted.bins[cell % len(self.wanted.bins)]
            counted = {"count": None, "suppressed": True} if cell in hidden else {"count": next(counts)}
            yield {"from": low, "below": high, **counted}

    def released(self) -> str:
        wanted = self.wanted
        per = f", for each of {len(wanted.groups)} groups of {wanted.group_by}" if wanted.group_by else ""
        where = f" where {wanted.where}" if wanted.where else ""
        column = f"{wanted.dataset}.{wanted.column}{where}"
        return (
            f"how many rows of {column} lie in each of {len(wanted.bins)} bins{per}; not how many there are in all:"
            " whoever knows that, from a count perhaps, can work out a bin that alone is left out"
        )

    def leaks(self) -> Sequence[Leak]:
        return suppression.leaks(self.wanted, "bin")

    def longest(self, participants: int, contributors: int = 0) -> int:
        compared = longest_message(MAX_COMPARED, participants) if self.wanted.stored else 0
        return max(compared, _BYTES_PER_BIN * self.wanted.cells)
