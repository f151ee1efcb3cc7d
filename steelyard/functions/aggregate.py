"""Aggregate: `sum`, `count` and `mean` of a column, over all rows, by group, or position by position.

Model       malicious for dealings, openings and the input set, at most k-1 nodes; inputs are what their owners say.
Rounds      0 after the inputs are fixed, and those of steelyard.functions.suppression.   Sends nothing more.
Reveals     to the requester: the released layers of the cells that are not suppressed.
Follows     summation of Shamir shares (Ben-Or, Goldwasser, Wigderson 1988); docs/tour.md walks through it.
Differs     the sum of the shares goes sealed to the requester, so no node learns the total.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from steelyard import fixedpoint
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.functions import suppression
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Record, Released, Table, Values
from steelyard.functions.selection import Cells
from steelyard.privacy.noise import laplace_share, standard_deviation
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

MAX_CELLS: Final = 1 << 22
MAX_EPSILON: Final = 100
_DECIMAL: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?")  # bounded before it becomes a number
_RELEASED: Final = {"sum": ("sum",), "count": ("count",), "mean": ("sum", "count")}
_MAIN: Final = {"sum": "total", "count": "count", "mean": "mean"}


class Aggregate(Cells, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `length` > 0 asks for a position-wise sum of vectors; `epsilon` is a decimal, empty for exact."""

    length: Annotated[int, msgspec.Meta(ge=0, le=MAX_CELLS)] = 0
    epsilon: Annotated[str, msgspec.Meta(max_length=20)] = ""

    @property
    def cells(self) -> int:
        return self.length or len(self.groups) or 1

    @property
    def budget(self) -> Fraction:
        """The privacy parameter, exactly as written."""
        if not _DECIMAL.fullmatch(self.epsilon):
            raise Invalid("epsilon is a plain decimal number such as 0.5")
        value = Fraction(self.epsilon)
        if not 0 < value <= MAX_EPSILON:
            raise Invalid(f"epsilon is a decimal above 0 and at most {MAX_EPSILON}")
        return value

    def check(self) -> None:
        super().check()
        if self.length and (self.group_by or self.where):
            raise Invalid("vectors take neither groups nor a filter")
        if self.epsilon and not self.budget:
            raise Invalid("epsilon is above 0")
        if self.epsilon and self.stored:
            told = "owners add noise to what they deal, and a stored sharing was dealt before"
            raise Invalid(f"{told}: ask about their dataset with epsilon, or about @{self.stored} without")


class Aggregation(Question[Aggregate]):
    """Layers are dealt cell by cell: sums, row counts, and whether the party has any rows."""

    def __post_init__(self) -> None:
        if self.wanted.length and self.function != "sum":
            raise Invalid("only sum takes vectors")

    @property
    def allowed_as(self) -> str:
        return "vector_sum" if self.wanted.length else self.function

    @property
    def epsilon(self) -> float:
        return float(self.wanted.budget) if self.wanted.epsilon else 0.0

    @property
    def layers(self) -> tuple[str, ...]:
        """What the requester learns of each cell."""
        return _RELEASED[self.function]

    @property
    def exact(self) -> bool:
        """Cells of rows without noise: those that can be suppressed."""
        return not self.wanted.length and not self.private

    @property
    def dealt(self) -> tuple[str, ...]:
        """Exact cells also need the layers on which the nodes decide what to leave out."""
        more = suppression.LAYERS if self.exact else ()
        return (*self.layers, *(layer for layer in more if layer not in self.layers))

    def values(self, rows: int) -> int:
        return self.wanted.cells * len(self.dealt)

    def bring(self, table: Table, rows: int) -> Layers:
        wanted = self.wanted
        if wanted.length:
            vector = table.values(wanted.column, wanted.filter)
            if len(vector) != wanted.length:
                raise Invalid("the column of this party has not the length asked for")
            return {"sum": vector}
        if "sum" in self.dealt:
            sums, counts = table.totals(wanted.column, wanted.filters)
        else:
            sums = counts = table.counts(wanted.filters)
        brought = {"sum": sums, "count": counts, "parties": (counts > 0).astype(np.int64)}
        return {layer: brought[layer] for layer in self.dealt}

    def recalled(self, record: Record, greeting: Greeting) -> Vector:
        if not self.wanted.length:
            layers = {"sum": record.of("sum"), "count": record.of_all("count"), "parties": record.of_all("parties")}
            return np.concatenate([layers[name] for name in self.dealt])
        rows = record.of("rows")
        if not record.vector or rows.size != self.wanted.length:
            raise Invalid("this sharing holds no vector of the length asked for: share it with --vector")
        return rows

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        parts = [brought[layer] for layer in self.dealt]
        if self.private:
            parts = [
                part + self._noise(layer, attempt, greeting, noise)
                for layer, part in zip(self.dealt, parts, strict=True)
            ]
        for part in parts:
            fixedpoint.check_aggregate(part, len(attempt.participants))
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def release(self, held: Held) -> Protocol[Released]:
        # 1. Add up what I hold, layer by layer.
        layers = held.sum().reshape(len(self.dealt), self.wanted.cells)
        kept = layers[: len(self.layers)]
        left_out: tuple[int, ...] = ()
        # 2. Cells over too few rows, or rows of too few parties, are left out.
        if self.exact:
            rows, parties = (layers[self.dealt.index(layer)] for layer in suppression.LAYERS)
            left_out = yield from suppression.suppressed(held, rows, parties)
        if left_out:
            kept = np.delete(kept, left_out, axis=1)
        return Released(np.ascontiguousarray(kept).reshape(-1), left_out)

    def figures(self, opened: Opening) -> dict[str, Any]:
        columns = dict(zip(self.layers, opened.rows(len(self.layers), self.wanted.cells), strict=True))
        if self.wanted.length:
            return {"length": self.wanted.length}
        cells = list(self._cells(opened, columns))
        value = {"groups": _named(self.wanted.groups, cells)} if self.wanted.group_by else cells[0]
        return {**value, "noise": self._width(opened)} if self.private else value

    def vector(self, opened: Opening) -> Values | None:
        return opened.values if self.wanted.length else None

    def released(self) -> str:
        wanted = self.wanted
        name = f"{wanted.dataset}.{wanted.column}"
        what = {
            "sum": f"the sum of {name}",
            "count": f"the number of rows with a value in {name}",
            "mean": f"the sum of {name} and the number of rows, whose quotient is the mean",
        }[self.function]
        per = f" for each of {len(wanted.groups)} groups of {wanted.group_by}" if wanted.group_by else ""
        per = f" at each of {wanted.length} positions" if wanted.length else per
        where = f" where {wanted.where}" if wanted.where else ""
        rows = ", over the parties' rows selected" if wanted.narrowed else ", over all parties' rows"
        noise = f", with noise for epsilon = {wanted.epsilon} for one row more or less" if self.private else ""
        return what + where + per + rows + noise

    def leaks(self) -> Sequence[Leak]:
        if self.wanted.length:
            return (Leak("which parties' columns do not have the length asked for", "the coordinator, the requester"),)
        return () if self.private else suppression.leaks(self.wanted, "group" if self.wanted.group_by else "result")

    def _cells(self, opened: Opening, columns: Mapping[str, Values]) -> Iterator[dict[str, Any]]:
        hidden, kept = set(opened.suppressed), 0
        for index in range(self.wanted.cells):
            if index in hidden:
                yield {_MAIN[self.function]: None, "suppressed": True}
                continue
            yield self._cell({layer: int(column[kept]) for layer, column in columns.items()}, opened.decimals[0])
            kept += 1

    def _cell(self, layers: Mapping[str, int], decimals: int) -> dict[str, Any]:
        if self.function == "count":
            return {"count": layers["count"]}
        money = fixedpoint.format(layers["sum"], decimals)
        if self.function == "sum":
            return {"total": money}
        count = layers["count"]
        mean = fixedpoint.quotient(layers["sum"], count, decimals, decimals + 4) if count > 0 else None
        return {"mean": mean, "total": money, "count": count}

    def _noise(self, layer: str, attempt: Attempt, greeting: Greeting, stream: Randomness) -> Values:
        """My part of the noise: any n' - (k-1) of the n' contributors together add the full amount."""
        sensitivity = greeting.bound if layer == "sum" else 1
        if not sensitivity:
            raise Invalid("epsilon needs a declared minimum and maximum of the column at every party")
        sharers = len(greeting.contributors) - (attempt.threshold - 1)
        if sharers < 1:
            raise Invalid("too few parties contribute for noise that nobody knows")
        return laplace_share(self.wanted.budget / len(self.dealt), sensitivity, sharers, self.wanted.cells, stream)

    def _width(self, opened: Opening) -> dict[str, str]:
        """The standard deviation of the noise by layer, so that nobody reads more into a figure than is in it."""
        budget, contributors = self.wanted.budget / len(self.layers), len(opened.contributions)
        bounds = {"sum": max(each.bounds[0] for each in opened.contributions), "count": 1}
        places = {"sum": opened.decimals[0], "count": 0}
        sharers = contributors - (opened.threshold - 1)
        return {
            _MAIN[layer]: fixedpoint.format(
                round(standard_deviation(budget, bounds[layer], sharers, contributors)), places[layer]
            )
            for layer in self.layers
        }


def _named(groups: Sequence[str], cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"group": name, **cell} for name, cell in zip(groups, cells, strict=True)]
