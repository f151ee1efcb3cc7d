"""Moments: of several columns the number of rows, the sums, and the sums of squares and products, over all parties.

What `correlate` and `regress` are made of.  Each party computes its own moments exactly; their sums go to the requester
alone.  Rows with an empty cell do not occur: an import refuses them, so every row has a value in every column.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any, Final, TypeVar

import numpy as np

from steelyard import fixedpoint
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector
from steelyard.functions import limbs, suppression
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Record, Released, Table, Values
from steelyard.functions.selection import Selection
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

S = TypeVar("S", bound=Selection)
Matrix = list[list[int]]

_LIMB: Final = 20  # bits: the products of 2^20 rows add up below 2^60
_BLOCK: Final = 1 << 20  # rows


class Moments(Question[S]):
    """Contributors deal whether they have rows, how many, and the limbs of every sum and sum of products."""

    @property
    @abstractmethod
    def rows_needed(self) -> int:
        """With fewer rows the figures mean nothing, or say too much about the rows: suppressed."""

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        return pairs(len(self.wanted.columns))

    def values(self, rows: int) -> int:
        return 2 + limbs.COUNT * len(self._pairs)

    def bring(self, table: Table, rows: int) -> Layers:
        columns = [table.values(name, self.wanted.filter) for name in self.wanted.columns]
        sums = products(columns)
        count = np.array([sums[0][0]], dtype=np.int64)
        moments = limbs.split([sums[i][j] for i, j in self._pairs])
        return {"parties": (count > 0).astype(np.int64), "count": count, "moments": moments.reshape(-1)}

    def recalled(self, record: Record, greeting: Greeting) -> Vector:
        if len(greeting.contributions) > limbs.MOST:
            raise Invalid(f"sums of products are taken over at most {limbs.MOST} contributors: share fewer together")
        return np.concatenate([record.of_all("parties"), record.of_all("count"), record.moments().reshape(-1)])

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        moments = limbs.disguised(brought["moments"].reshape(-1, limbs.COUNT), noise)
        values = np.concatenate([brought["parties"], brought["count"], moments.reshape(-1)])
        fixedpoint.check_aggregate(values, len(attempt.participants))
        return values

    def release(self, held: Held) -> Protocol[Released]:
        total = held.sum()
        left_out = yield from suppression.suppressed(held, total[1:2], total[:1], needed=self.rows_needed)
        return Released(total[:0] if left_out else total[1:], left_out)

    def figures(self, opened: Opening) -> dict[str, Any]:
        values = opened.rows(self.values(0) - 1, 1)
        if opened.suppressed:
            return {**self._described(None, opened.decimals), "suppressed": True}
        return self._described(self._matrix(values[:, 0]), opened.decimals)

    def leaks(self) -> Sequence[Leak]:
        few = "of a column that is zero but for a few rows, the sums of products are those of these few alone"
        return (Leak(few, "the requester"), *suppression.leaks(self.wanted))

    def _matrix(self, values: Values) -> Matrix:
        """Symmetric; row and column 0 hold the number of rows and the sums."""
        size = len(self.wanted.columns) + 1
        matrix = [[int(values[0])] * size for _ in range(size)]
        for (i, j), moment in zip(self._pairs, limbs.join(values[1:].reshape(-1, limbs.COUNT)), strict=True):
            matrix[i][j] = matrix[j][i] = moment
        if matrix[0][0] < self.rows_needed:
            raise Malformed("a result over fewer rows than it could have been released for")
        return matrix

    @abstractmethod
    def _described(self, moments: Matrix | None, decimals: Sequence[int]) -> dict[str, Any]:
        """The figures, None for each of them where there are no moments."""


def pairs(columns: int) -> list[tuple[int, int]]:
    """Of columns, where column 0 is a one in every row; without the number of rows itself."""
    return list(combinations_with_replacement(range(columns + 1), 2))[1:]


def distinct(names: Sequence[str]) -> None:
    """Raises Invalid where a column is named twice."""
    if len(set(names)) < len(names):
        raise Invalid("each column is named once")


def learned(wanted: Selection) -> str:
    """For the leakage statement."""
    names = ", ".join(f"{wanted.dataset}.{name}" for name in wanted.columns)
    where = f" where {wanted.where}" if wanted.where else ""
    return (
        f"of {names}{where}, over the rows of all parties together: the number of rows,"
        " the sum and the sum of squares of each column, the sum of products of every two"
    )


def products(columns: Sequence[Values]) -> Matrix:
    """The exact sums of products of every two columns of values below 2^59 in size, column 0 a one in every row."""
    rows = columns[0].size
    parts = [np.ones((1, rows), dtype=np.int64)[:, :rows], *(_parts(column) for column in columns)]
    firsts = np.cumsum([0, *(len(part) for part in parts)])
    stacked = np.concatenate(parts)
    gram = np.zeros((len(stacked), len(stacked)), dtype=object)
    for start in range(0, rows, _BLOCK):
        block = np.ascontiguousarray(stacked[:, start : start + _BLOCK])
        gram += (block @ block.T).astype(object)
    return [[_whole(gram[a:b, c:d]) for c, d in _spans(firsts)] for a, b in _spans(firsts)]


def _spans(firsts: Values) -> list[tuple[int, int]]:
    return list(zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True))


def _parts(column: Values) -> Values:
    """(1 to 3, rows): digits of 20 bits, the lowest first, the highest with the sign."""
    size = max(int(column.max()), -int(column.min())) if column.size else 0
    parts = []
    while size >> _LIMB:
        parts.append(column & ((1 << _LIMB) - 1))
        column, size = column >> _LIMB, (size >> _LIMB) + 1
    return np.stack([*parts, column])


def _whole(gram: Any) -> int:
    return sum(int(gram[i, j]) << _LIMB * (i + j) for i in range(gram.shape[0]) for j in range(gram.shape[1]))
