"""What the SDK hands back: frozen types without a byte of protobuf in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard.documents.request import Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed
from steelyard.errors import SteelyardError, by_reason
from steelyard.ids import PartyId

ENDED: Final = frozenset({"DONE", "REFUSED", "ABORTED"})


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is shown as it is: `to_json` gives plain dictionaries and lists."""

    def to_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.to_builtins(self)
        return shown


class Leak(Fact, frozen=True, kw_only=True):
    """One value that becomes known, and to whom."""

    what: str
    to: str


class Progress(Fact, frozen=True, kw_only=True):
    """One party's part: asked, pending, approved, refused, unreachable, running, done or failed.

    `training` is how far a training run is, as its node says: a `steelyard.functions.training_line.Line`.
    """

    party: str
    state: str
    step: str = ""
    training: dict[str, Any] | None = None


class Problem(Fact, frozen=True, kw_only=True):
    """Why a computation ended without a result."""

    reason: str
    message: str
    party: str = ""
    culprits: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()

    def error(self) -> SteelyardError:
        kind = by_reason(self.reason)
        return kind(self.message, party=self.party, culprits=self.culprits, suspects=self.suspects)


@dataclass(frozen=True, slots=True)
class Computation:
    """A computation as the coordinator shows it.

    `asked` is the request when this profile signed it, None when the coordinator shows one that it did not.  `sealed`
    are the nodes' results where they came along.  Times are milliseconds since 1970.
    """

    id: str
    state: str
    created_ms: int
    updated_ms: int
    parties: tuple[Progress, ...]
    problem: Problem | None
    attempts: int
    asked: Request | None
    request: Signed = field(repr=False)
    sealed: tuple[SealedResult, ...] = field(default=(), repr=False, compare=False)

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def to_json(self) -> dict[str, Any]:
        asked = self.asked
        return {
            "id": self.id,
            "state": self.state,
            "function": asked.function if asked else None,
            "arguments": asked.arguments if asked else None,
            "purpose": asked.purpose if asked else None,
            "allow_missing": asked.allow_missing if asked else None,
            "created_ms": self.created_ms,
            "updated_ms": self.updated_ms,
            "attempts": self.attempts,
            "parties": [each.to_json() for each in self.parties],
            "failure": self.problem.to_json() if self.problem else None,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """One group's cell; `value` is None when the cell is suppressed because it covers too few rows."""

    name: str
    value: Decimal | int | bool | None
    suppressed: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """How many rows are from `low` on and below `high` (None: no end); `count` is None when the bin is suppressed."""

    low: Decimal | None
    high: Decimal | None
    count: int | None
    suppressed: bool
    group: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """An opened result.

    `column` are the columns used, with commas between.  `value` is the JSON form; `total`, `count` and others read it.
    `vector` is `(length,) int64` in minor units of `decimals` decimals, for a sum of vectors.  `checked` is False for
    results of comparisons and products, which are right if all nodes keep to the protocol; `verified` when so few nodes
    replied that a lie would have gone unnoticed.  `culprits` sent wrong shares, which were corrected; the replies of
    `rejected` did not prove what they are, perhaps because the coordinator changed them.  `attachments` are what nodes
    have sent along, by node.
    """

    function: str
    computation: str
    dataset: str
    column: str
    where: str
    value: Mapping[str, Any]
    parties: tuple[str, ...]
    missing: tuple[str, ...]
    verified: bool
    checked: bool
    culprits: tuple[str, ...]
    rejected: tuple[str, ...]
    leakage: tuple[Leak, ...]
    vector: NDArray[np.int64] | None = field(default=None, repr=False, compare=False)
    decimals: int = 0
    attachments: Mapping[PartyId, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def total(self) -> Decimal | None:
        """The sum (also of a mean), exactly; None when it is suppressed or the result has groups."""
        return _decimal(self.value.get("total"))

    @property
    def count(self) -> int | None:
        counted = self.value.get("count")
        return None if counted is None else int(counted)

    @property
    def mean(self) -> Decimal | None:
        return _decimal(self.value.get("mean"))

    @property
    def exceeds(self) -> bool | None:
        """Whether the total is greater than the limit; None when it is suppressed or the result has groups."""
        found: bool | None = self.value.get("exceeds")
        return found

    @property
    def std(self) -> Decimal | None:
        """The sample standard deviation."""
        return _decimal(self.value.get("std"))

    @property
    def median(self) -> Decimal | None:
        """The lower of the two in the middle."""
        return _decimal(self.value.get("median"))

    @property
    def extremes(self) -> tuple[Decimal | None, Decimal | None]:
        """The least and the greatest value."""
        return _decimal(self.value.get("min")), _decimal(self.value.get("max"))

    @property
    def quantiles(self) -> Mapping[str, Decimal]:
        """By what was asked for, such as "0.25"."""
        return {at: Decimal(shown) for at, shown in self.value.get("quantiles", {}).items()}

    @property
    def bins(self) -> tuple[Bin, ...]:
        """Of a histogram, in ascending order, those of one group after the other."""
        groups = self.value.get("groups", (self.value,))
        return tuple(_bin(each, group.get("group", "")) for group in groups for each in group.get("bins", ()))

    @property
    def hhi(self) -> Decimal | None:
        """Concentration, from 0 to 1; None when it is undefined or suppressed, or the result has groups."""
        return _decimal(self.value.get("hhi"))

    @property
    def correlation(self) -> Decimal | None:
        """From -1 to 1; None when a column has only one value, or it is suppressed."""
        return _decimal(self.value.get("correlation"))

    @property
    def coefficients(self) -> Mapping[str, Decimal | None]:
        """Of a regression, by column, and of the `intercept`; None for a column that others determine."""
        return {each["name"]: _decimal(each["coefficient"]) for each in self.value.get("coefficients") or ()}

    @property
    def r2(self) -> Decimal | None:
        """The part of the variance that a regression explains."""
        return _decimal(self.value.get("r2"))

    @property
    def outcome(self) -> str | None:
        """Of a comparison: "greater", "equal" or "less"; None when it is suppressed."""
        found: str | None = self.value.get("outcome")
        return found

    @property
    def top(self) -> tuple[str, ...]:
        """The parties or groups of a ranking, the largest first."""
        return tuple(each.get("party") or each["group"] for each in self.value.get("top", ()))

    @property
    def price(self) -> Decimal | None:
        """Of an auction; None when nothing is traded, or it is suppressed."""
        return _decimal(self.value.get("price"))

    @property
    def volume(self) -> Decimal | None:
        """What is traded in an auction; None when it is suppressed."""
        return _decimal(self.value.get("volume"))

    @property
    def suppressed(self) -> bool:
        """True when the owners' minimum row count hides the result."""
        return bool(self.value.get("suppressed", False))

    @property
    def noise(self) -> Mapping[str, str]:
        """The standard deviation of the noise in each figure, if noise was asked for."""
        return dict(self.value.get("noise", {}))

    @property
    def groups(self) -> tuple[Group, ...]:
        """The cells of a grouped result, in the order asked for; empty for any other."""
        return tuple(self._group(each) for each in self.value.get("groups", ()))

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints; money is exact decimal strings."""
        shown: dict[str, Any] = dict(self.value)
        if self.vector is not None:
            shown["vector"] = [_money(int(each), self.decimals) for each in self.vector]
        return {
            "function": self.function,
            "computation": self.computation,
            "dataset": self.dataset,
            "column": self.column,
            "where": self.where,
            "result": shown,
            "parties": list(self.parties),
            "missing": list(self.missing),
            "verified": self.verified,
            "checked": self.checked,
            "culprits": list(self.culprits),
            "rejected": list(self.rejected),
            "leakage": [each.to_json() for each in self.leakage],
        }

    def _group(self, cell: Mapping[str, Any]) -> Group:
        shown = cell.get({"sum": "total"}.get(self.function, self.function))
        value = shown if shown is None or isinstance(shown, int) else Decimal(shown)
        return Group(str(cell["group"]), value, bool(cell.get("suppressed", False)))


class Column(Fact, frozen=True, kw_only=True):
    name: str
    type: str
    decimals: int
    groups: tuple[str, ...]
    minimum: str = ""
    maximum: str = ""


class Dataset(Fact, frozen=True, kw_only=True):
    """A dataset as its owner lets others see it."""

    name: str
    columns: tuple[Column, ...]


class Standing(Fact, frozen=True, kw_only=True):
    """Where one node stands with a stored sharing."""

    id: str
    name: str
    dataset: str
    columns: tuple[Column, ...]
    epoch: int
    standing: str
    threshold: int
    holders: tuple[str, ...]
    undecided: bool


class Party(Fact, frozen=True, kw_only=True):
    """A party as the coordinator sees it."""

    id: str
    reachable: bool
    seen_ms: int
    version: str
    certificate_days: int
    manifest: str
    problem: str
    datasets: tuple[Dataset, ...]
    sharings: tuple[Standing, ...] = ()


def _bin(cell: Mapping[str, Any], group: str) -> Bin:
    low, high = _decimal(cell["from"]), _decimal(cell["below"])
    return Bin(low, high, cell["count"], bool(cell.get("suppressed", False)), group)


def _decimal(shown: object) -> Decimal | None:
    return None if shown is None else Decimal(str(shown))


def _money(minor: int, decimals: int) -> str:
    return format(Decimal(minor).scaleb(-decimals), "f")
