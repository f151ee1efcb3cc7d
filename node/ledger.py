"""What this node has helped to release, for good: it stops differencing and keeps the privacy budget.

Entered before a result share leaves, in one transaction with the check, and never changed afterwards.  Releases count
for the policy's period and a whole dataset, whoever asked and whatever the column, filter or function: row counts are
the same for every column.  That a computation entered holds for ever.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from steelyard import records
from steelyard.errors import BudgetExhausted, Conflict, DifferencingRefused, Invalid, StoreFault
from steelyard.privacy import differencing, renyi
from steelyard.privacy.differencing import Input, Release
from steelyard.storage.database import Database, Row

DAY_MS: Final = 24 * 3600 * 1000
AMONG: Final = " among: "  # before the choice of whose figures a mean is over
_SLACK: Final = 1e-9  # ten times 0.1 is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A release somebody asks for.

    `inputs` are (party, data version) pairs, `filter` is in normal form, `column` all columns with commas between.
    """

    dataset: str
    column: str
    function: str
    requester: str
    filter: str
    inputs: Release
    epsilon: float = 0.0  # 0 is an exact result
    delta: float = 0.0
    curve: tuple[float, ...] = ()  # where there is a delta: what it costs at most, by `renyi.ORDERS`
    parts: bool = False  # about single parties' parts: with a total over the same data they can be solved for
    consented: bool = False  # of single parties' figures, by the consent of each: nothing to difference
    searches: bool = False  # one bit about a secret: asked again with other limits, it is a binary search

    @property
    def among(self) -> str:
        """Whose figures a mean or an order is over, where the asker chooses: the end of the filter."""
        return self.filter.rpartition(AMONG)[2] if AMONG in self.filter else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What holds today: the owner's policy, and for `minimum_group` the manifest's if that is larger."""

    minimum_group: int
    period_days: int
    epsilon_per_period: float
    delta_per_period: float = 0.0
    searches_per_version: int
    parts_beside_totals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A release in the ledger."""

    sequence: int
    computation: str
    digest: str  # of the input set
    entered_ms: int
    candidate: Candidate


class Ledger:
    """The durable ledger of one node."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, candidate: Candidate, limits: Limits, *, now_ms: int) -> None:
        """Whether the release would be entered now; enters nothing.

        Raises GroupTooSmall, DifferencingRefused, BudgetExhausted.
        """
        with self._database.transaction():
            self._check(candidate, limits, now_ms)

    def enter(self, candidate: Candidate, limits: Limits, *, computation: str, digest: str, now_ms: int) -> int:
        """Enters the release for good and returns its number; entering it again is the same entry and costs nothing.

        Raises Conflict if the computation has entered another input set, ever; otherwise as `check`.
        """
        with self._database.transaction():
            entered = self.entry(computation)
            if entered is not None:
                if (entered.digest, entered.candidate) != (digest, candidate):
                    raise Conflict("this computation has already entered another input set")
                return entered.sequence
            self._check(candidate, limits, now_ms)
            return self._insert(candidate, computation, digest, now_ms)

    def bind(self, computation: str, digest: str) -> None:
        """A change of what is stored is made to one sharing, ever; raises Conflict for the input set of another."""
        with self._database.transaction():
            known = self._database.one("SELECT digest FROM upkeep WHERE computation = ?", (computation,))
            if known is not None and known[0] != digest:
                raise Conflict("this request was for another sharing of that name: ask again")
            self._database.execute("INSERT OR IGNORE INTO upkeep VALUES (?, ?)", (computation, digest))

    def entry(self, computation: str) -> Entry | None:
        """The entry of a computation, if it ever entered."""
        row = self._database.one(f"{_SELECT} WHERE computation = ?", (computation,))
        return None if row is None else _entry(row)

    def entries(self, after: int = 0, limit: int = 1_000) -> list[Entry]:
        """The owner's read-out, oldest first, of entries numbered above `after`."""
        rows = self._database.query(f"{_SELECT} WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit))
        return [_entry(row) for row in rows]

    def spent(self, dataset: str, period_days: int, delta: float = 0.0, *, now_ms: int) -> float:
        """Epsilon at this delta spent on a dataset within the period, by all requesters and on all columns."""
        return _composed(self._within("epsilon, curve", dataset, period_days, now_ms, "AND epsilon > 0"), delta)

    def _within(self, fields: str, dataset: str, period_days: int, now_ms: int, further: str = "") -> list[Row]:
        # Entries from the future count: a clock set back must not open the ledger.
        since = now_ms - period_days * DAY_MS
        return self._database.query(
            f"SELECT {fields} FROM release WHERE dataset = ? AND entered_ms > ? {further}", (dataset, since)
        )

    def _check(self, candidate: Candidate, limits: Limits, now_ms: int) -> None:
        wanted = candidate.epsilon
        if not math.isfinite(wanted) or wanted < 0:
            raise Invalid("epsilon is a finite number, zero or more")
        about = (candidate.dataset, limits.period_days)
        if not candidate.consented:
            found = self._within("DISTINCT inputs", *about, now_ms, "AND NOT consented")
            differencing.check(candidate.inputs, {_inputs(row[0]) for row in found}, limits.minimum_group)
        if not limits.parts_beside_totals:
            self._check_parts(candidate, limits.period_days, now_ms)
        if candidate.among:
            self._check_among(candidate, limits.period_days, now_ms)
        if candidate.searches:
            self._check_searches(candidate, limits.searches_per_version)
        if wanted:
            self._check_budget(candidate, limits, now_ms)

    def _check_budget(self, candidate: Candidate, limits: Limits, now_ms: int) -> None:
        """Over all releases of the period together: what they cost composed, not the sum of what each was asked for."""
        about = (candidate.dataset, limits.period_days)
        rows = self._within("epsilon, curve", *about, now_ms, "AND epsilon > 0")
        after = _composed([*rows, (candidate.epsilon, _packed(candidate.curve))], limits.delta_per_period)
        if after > limits.epsilon_per_period + _SLACK:
            left = limits.epsilon_per_period - _composed(rows, limits.delta_per_period)
            raise BudgetExhausted(
                f"epsilon {candidate.epsilon:g} is asked for {candidate.dataset}, {max(left, 0):g} is left in this"
                f" period{f' at delta {limits.delta_per_period:g}' if candidate.curve else ''}"
            )

    def _check_parts(self, candidate: Candidate, period_days: int, now_ms: int) -> None:
        """Over the same data either totals, or what is about the parties' parts: both together give the parts away."""
        columns = _columns(candidate.column)
        for field, inputs, parts in self._within("field, inputs, parts", candidate.dataset, period_days, now_ms):
            if bool(parts) != candidate.parts and _columns(field) & columns and _inputs(inputs) & candidate.inputs:
                raise DifferencingRefused(
                    f"an earlier result on {candidate.dataset}.{field} and this one, of which one is about single"
                    " parties' parts, could together show them; the policy's parts_beside_totals allows it"
                )

    def _check_among(self, candidate: Candidate, period_days: int, now_ms: int) -> None:
        """Means over one choice of firms and over another give away who is in only one of them."""
        for function, text, inputs in self._within("function, filter, inputs", candidate.dataset, period_days, now_ms):
            met = function == candidate.function and _inputs(inputs) & candidate.inputs
            if met and not _apart(text.rpartition(AMONG)[2], candidate.among):
                raise DifferencingRefused(
                    f"an earlier result on {candidate.dataset} compares with another choice of firms; both together"
                    " could show the figure of a single one: ask about the same firms, or all of them"
                )

    def _check_searches(self, candidate: Candidate, most: int) -> None:
        """Over all requesters, and for ever: new data are another input."""
        asked = self._database.query(
            "SELECT field, inputs FROM release WHERE dataset = ? AND searches", (candidate.dataset,)
        )
        columns = _columns(candidate.column)
        same = sum(1 for field, inputs in asked if _columns(field) & columns and _inputs(inputs) & candidate.inputs)
        if same >= most:
            raise BudgetExhausted(
                f"{candidate.dataset}.{candidate.column} was compared {same} times at this state of the data;"
                f" the policy allows {most}, for more would be a search for its value"
            )

    def _insert(self, candidate: Candidate, computation: str, digest: str, now_ms: int) -> int:
        plain = [getattr(candidate, each) for each in _PLAIN]
        inputs = msgspec.json.encode(sorted(candidate.inputs)).decode()
        self._database.execute(_INSERT, (computation, digest, now_ms, *plain, inputs, _packed(candidate.curve)))
        entered = self.entry(computation)
        if entered is None:
            raise Conflict("the ledger did not keep an entry")
        return entered.sequence


_PLAIN: Final = (
    "dataset", "column", "function", "requester", "filter", "epsilon", "delta", "searches", "parts", "consented",
)  # fmt: skip
_SELECT: Final = (
    "SELECT sequence, computation, digest, entered_ms,"
    " dataset, field, function, requester, filter, epsilon, delta, searches, parts, consented, inputs, curve"
    " FROM release"
)
_INSERT: Final = (
    "INSERT INTO release"
    " (computation, digest, entered_ms, dataset, field, function, requester, filter, epsilon, delta, searches, parts,"
    " consented, inputs, curve) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _entry(row: Row) -> Entry:
    sequence, computation, digest, entered_ms, *plain, encoded, curve = row
    fields = dict(zip(_PLAIN, plain, strict=True))
    fields |= {each: bool(fields[each]) for each in ("searches", "parts", "consented")}
    candidate = Candidate(**fields, inputs=_inputs(encoded), curve=_unpacked(curve))
    return Entry(sequence=sequence, computation=computation, digest=digest, entered_ms=entered_ms, candidate=candidate)


def _apart(one: str, other: str) -> bool:
    """Whether two choices of firms are the same, or of different years, which they begin with (0: the latest)."""
    years = [each.partition(" ")[0] for each in (one, other)]
    return one == other or ("0" not in years and years[0] != years[1])


def _columns(joined: str) -> set[str]:
    return set(joined.split(","))


def _inputs(encoded: str) -> frozenset[Input]:
    return frozenset(records.from_json(encoded, list[Input]))


def _composed(rows: Sequence[Row], delta: float) -> float:
    """Epsilon at `delta` of releases given as (epsilon, curve)."""
    curves = [np.array(_unpacked(curve)) for _, curve in rows if curve]
    if any(curve.size != len(renyi.ORDERS) for curve in curves):
        raise StoreFault.because("the ledger counts privacy in another way than this program: install the newer one")
    return renyi.spent(curves, [epsilon for epsilon, curve in rows if not curve], delta)


def _packed(curve: Sequence[float]) -> bytes:
    return np.array(curve, dtype="<f8").tobytes()


def _unpacked(curve: bytes) -> tuple[float, ...]:
    return tuple(np.frombuffer(curve, dtype="<f8").tolist())
