"""`Question`: what is asked, checked before anybody else sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, TypedDict

import msgspec

from steelyard import records
from steelyard.errors import Invalid

from .results import Computation, Party
from .sharings import Sharing, named

DEFAULT_TIMEOUT: Final = 60.0  # seconds
WHOLE: Final = frozenset({"refresh", "recover", "reshare", "audit", "forget"})  # functions on whole sharings
UNCHANGING: Final = frozenset({"recover", "audit"})  # those that leave the epoch as it is
FIRM: Final = "firm"  # the column that names statements
AMOUNT: Final = "amount"  # the column of invoices and payments
DEFAULT_LIFE: Final = 24 * 3600.0  # seconds; an owner who decides by hand needs time
OnProgress = Callable[[Computation], None]


class Wanted(TypedDict, total=False):
    """What `sum`, `count` and `mean` take besides the column.

    where           an SQL condition over columns the owners allow, such as "segment = 'retail' AND opened >= 2020"
    group_by        a text column; one result per group
    groups          the groups; by default the list that every owner's schema declares
    length          a position-wise sum of vectors of this length (only for sum)
    epsilon         differential privacy: a decimal such as "0.5"; empty for an exact result
    allow_missing   compute without the parties that do not answer
    purpose         a sentence for the owners, at most 500 characters
    valid_for       seconds the owners have for their decision (default one day)
    limit           the number that `exceeds` compares the total with, such as "10000.00"
    options         what only one function takes, by the names of its arguments
    """

    where: str
    group_by: str
    groups: Sequence[str]
    length: int
    epsilon: str | int | float | Decimal
    allow_missing: bool
    purpose: str
    valid_for: float
    limit: str | int | Decimal
    options: Mapping[str, Any]


class Asked(Wanted, total=False):
    """`timeout`: seconds until TimedOut (default 60).  `on_progress` is called at every change."""

    timeout: float
    on_progress: OnProgress


@dataclass(frozen=True)
class Question:
    """`arguments` are complete once `groups` are: see `with_groups_of`.  `multiplies` is known once it is `checked`."""

    function: str
    arguments: dict[str, Any]
    allow_missing: bool
    purpose: str
    valid_for: float
    multiplies: bool = False

    @property
    def stored(self) -> bool:
        """Whether it is about a stored sharing."""
        return str(self.arguments["dataset"]).startswith("@")

    @property
    def on_fresh_inputs(self) -> bool:
        """Whether fresh inputs are multiplied or compared: these can be dealt at a lower threshold."""
        return self.multiplies and not self.stored

    @property
    def needs_groups(self) -> bool:
        return bool(self.arguments.get("group_by")) and not self.arguments.get("groups")

    @property
    def needs_column(self) -> bool:
        """Whether a stored sharing is named but none of its columns, for a question about one."""
        return self.stored and not self.arguments["column"] and self.function not in WHOLE

    def with_column_of(self, sharings: Iterable[Sharing]) -> Question:
        """The question about the only column of its sharing; raises NotFound or Invalid."""
        columns = named(sharings, self.arguments["dataset"]).columns
        if len(columns) > 1:
            name = self.arguments["dataset"]
            raise Invalid(f"{name} holds several columns: say which, such as {name}.{columns[0]}")
        return replace(self, arguments=self.arguments | {"column": columns[0]})

    @property
    def needs_epoch(self) -> bool:
        """Whether it is about a whole sharing: which, and of which epoch, is signed, so that it is done once."""
        return self.function in WHOLE and not self.arguments.get("sharing")

    def with_epoch_of(self, sharings: Iterable[Sharing]) -> Question:
        """The question about the sharing of that name as it stands; raises NotFound."""
        found = named(sharings, self.arguments["dataset"])
        epoch = {} if self.function in UNCHANGING else {"epoch": found.epoch}
        return replace(self, arguments=self.arguments | {"sharing": found.id, **epoch})

    def with_groups_of(self, parties: Iterable[Party]) -> Question:
        """The question with the groups that every party's schema declares; raises Invalid when they differ."""
        name, column = self.arguments["dataset"], self.arguments["group_by"]
        declared = {
            each.groups
            for party in parties
            for dataset in party.datasets
            if dataset.name == name
            for each in dataset.columns
            if each.name == column
        }
        if len(declared) != 1 or not (groups := declared.pop()):
            raise Invalid(f"the owners declare no common list of groups for {name}.{column}: give --groups a,b,c")
        return replace(self, arguments=self.arguments | {"groups": list(groups)})

    def checked(self) -> Question:
        """The question as the nodes will check it, before any of them sees it; raises Invalid."""
        from steelyard.functions.catalogue import question  # the numbers behind it take time to import

        made = question(self.function, self.arguments)
        arguments = plainly(made.wanted)
        fresh = made.multiplies and not made.purpose  # contributions were dealt before, at the manifest's threshold
        return replace(self, arguments=arguments, multiplies=fresh)


def question(function: str, dataset: str, column: str | None, wanted: Wanted) -> Question:
    """`dataset` may be "accounts.balance" with no `column`.  Raises Invalid for a column or filter that is none."""
    from steelyard.tables.filter import parse

    name, _, field = (dataset, "", column) if column is not None else dataset.partition(".")
    if not (name and field) and not name.startswith("@"):
        raise Invalid(f"{dataset[:130]!r} is no column: write dataset.column, such as accounts.balance")
    purpose = wanted.get("purpose", "")
    if len(purpose) > 500:
        raise Invalid("the purpose has at most 500 characters")
    asked = Question(
        function=function,
        arguments={"dataset": name, "column": field, "where": parse(wanted.get("where", "")).text, **_given(wanted)},
        allow_missing=wanted.get("allow_missing", False) or name.startswith("@"),  # what is stored is whole without
        purpose=purpose,
        valid_for=wanted.get("valid_for", DEFAULT_LIFE),
    )
    return asked if asked.needs_groups or asked.needs_column else asked.checked()


def beside(column: str, others: Sequence[str]) -> list[str]:
    """The names of other columns of the same dataset, written with it or alone.  Raises Invalid."""
    dataset = column.partition(".")[0]
    found = []
    for each in others:
        before, point, name = each.rpartition(".")
        if point and before != dataset:
            raise Invalid(
                f"{each[:130]!r} is no column of {dataset[:60]!r}: rows of one dataset are looked at together"
            )
        found.append(name)
    return found


def with_options(asked: Asked, **options: Any) -> Asked:
    """The same, with more of `options`."""
    more: Asked = {**asked, "options": {**asked.get("options", {}), **options}}
    return more


def plainly(said: msgspec.Struct) -> dict[str, Any]:
    """Arguments or terms as they are signed: plain lists and tables."""
    return dict(records.from_json(msgspec.json.encode(said)))


def contributors(banks: Sequence[str]) -> list[str]:
    """Names of banks as contributors.  Raises Invalid for a bank that is named twice."""
    from steelyard.setoff.terms import members

    if len(set(banks)) < len(banks):
        raise Invalid("a bank is named twice")
    return list(members(list(banks)).values())


def normal(where: str) -> str:
    """A condition as it is signed.  Raises Invalid."""
    from steelyard.tables.filter import parse

    return parse(where).text


def _given(wanted: Wanted) -> dict[str, Any]:
    """What was said beside column and filter; a function has no place for what is not its own."""
    given: dict[str, Any] = {
        "group_by": wanted.get("group_by", ""),
        "groups": list(wanted.get("groups", ())),
        "length": wanted.get("length", 0),
        "epsilon": str(wanted.get("epsilon", "")),
        "limit": str(wanted.get("limit", "")),
    }
    return {name: value for name, value in given.items() if value} | dict(wanted.get("options", {}))
