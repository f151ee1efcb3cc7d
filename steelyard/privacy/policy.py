"""What an owner allows, as its TOML file says it, read strictly.

    functions = ["sum", "count", "mean"]     # vector_sum (position by position) is a function of its own
    requesters = ["analyst"]
    peers = ["*"]
    sponsors = ["analyst"]                   # requesters whose contributors (firms without a node) count here
    approval = "automatic"
    minimum_group = 3                        # parties
    minimum_rows = 3                         # rows behind every figure
    sponsored_count = false                  # all firms of one sponsor are one party to minimum_group, the requester's
                                             # own none; true: each firm is one
    period_days = 30
    epsilon_per_period = 1.0
    delta_per_period = 1e-5                  # training with noise needs one
    dropouts_in_training = false             # exact training goes on without a party that has dropped out
    trainers = ["scikit-learn"]              # installed here, that requests for training may name

    [datasets.accounts]
    columns = ["balance"]                    # may be summed
    filters = ["segment"]                    # may appear in --where and --group-by

What is not listed is refused.  "*" stands for all requesters, peers, sponsors, datasets, columns or filters, never for
functions.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from steelyard import records
from steelyard.documents.terms import Terms
from steelyard.errors import BudgetExhausted, GroupTooSmall, Invalid, PolicyRefused

ALL: Final = "*"
VECTOR_SUM: Final = "vector_sum"

LOCAL: Final = (
    "sum",
    "count",
    "mean",
    VECTOR_SUM,
    "exceeds",
    "compare",
    "stats",
    "histogram",
    "top",
    "hhi",
    "correlate",
    "regress",
    "auction",
    "share",
    "refresh",
    "recover",
    "reshare",
    "audit",
    "forget",
    "ratio",
    "score",
    "benchmark",
    "train",
    "netting",
    "set_off",
)  # what a local profile allows

Names = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], ...], msgspec.Meta(max_length=1000)]
Approval = Literal["automatic", "manual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a request asks of this node.

    `function` as policies call it; `epsilon` 0 asks for an exact result; `lower_threshold` for a computation that fewer
    nodes than the manifest's threshold could open; `parties` are those who take part.  `dataset` is empty for a
    sharing that this node does not know and is to be given a share of: that asks for nothing of its owner's.
    """

    function: str
    requester: str
    dataset: str
    columns: Collection[str]
    filter_columns: Collection[str] = ()
    epsilon: float = 0.0
    delta: float = 0.0
    lower_threshold: bool = False
    trainer: str = ""
    me: str = ""  # this party: nobody's peer
    parties: Collection[str]


class DatasetRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be asked of one dataset; `functions` replaces the policy's own list."""

    columns: Names
    filters: Names = ()
    functions: Names | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An owner's policy.  Without a word on approval a person decides."""

    functions: Names
    requesters: Names
    peers: Names = (ALL,)
    sponsors: Names = ()
    approval: Approval = "manual"
    minimum_group: Annotated[int, msgspec.Meta(ge=2, le=31)] = 3
    minimum_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] = 3
    period_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 30
    epsilon_per_period: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 0.0
    delta_per_period: Annotated[float, msgspec.Meta(ge=0, le=0.01)] = 0.0
    searches_per_version: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 8
    lower_threshold: bool = False
    sponsored_count: bool = False
    parts_beside_totals: bool = False
    dropouts_in_training: bool = False
    trainers: Names = ()
    datasets: dict[str, DatasetRule] = {}

    @property
    def automatic(self) -> bool:
        return self.approval == "automatic"

    def check(self, question: Question) -> None:
        """Returns if the owner allows it.  Raises PolicyRefused, GroupTooSmall or BudgetExhausted, naming what is not.

        Rows are counted and releases compared later (`minimum_rows`, `node.ledger`).
        """
        rule = self.datasets.get(question.dataset) or self.datasets.get(ALL)
        if not question.dataset:
            rule = DatasetRule(columns=())
        if rule is None:
            raise PolicyRefused(f"the policy does not list the dataset {_short(question.dataset)}")
        functions = self.functions if rule.functions is None else rule.functions
        if question.function not in functions:
            raise PolicyRefused(f"the policy does not list the function {_short(question.function)}")
        if question.lower_threshold and not self.lower_threshold:
            raise PolicyRefused("the policy does not allow a computation at a lower threshold than the manifest's")
        if question.trainer and question.trainer not in self.trainers:
            raise PolicyRefused(f"the policy does not list the trainer {_short(question.trainer)}")
        _listed("requester", [question.requester], self.requesters)
        of = f" of the dataset {_short(question.dataset)}"
        _listed("column", list(question.columns), rule.columns, of)
        _listed("filter column", sorted(question.filter_columns), rule.filters, of)
        self.check_peers(question.parties, question.me)
        if not math.isfinite(question.epsilon) or question.epsilon < 0:
            raise Invalid("epsilon is a finite number, zero or more")
        if question.epsilon > self.epsilon_per_period:
            raise BudgetExhausted(
                f"epsilon {question.epsilon:g}; the policy allows {self.epsilon_per_period:g} a period"
            )
        if question.delta and not self.delta_per_period:
            raise BudgetExhausted("noise of this kind has a delta, and the policy's delta_per_period is 0")

    def check_help(self, requester: str, parties: Collection[str], me: str) -> None:
        """Whether this node, `me`, computes with these parties where nothing of its owner's is asked about."""
        _listed("requester", [requester], self.requesters)
        self.check_peers(parties, me)

    def terms(self, dataset: str) -> Terms:
        """What others may do without this node with data of this dataset that is left with them."""
        rule = self.datasets.get(dataset) or self.datasets.get(ALL)
        listed = self.functions if rule is None or rule.functions is None else rule.functions
        functions = tuple(each for each in LOCAL if each in listed)
        return Terms(functions, self.requesters, self.lower_threshold)

    def sponsored(self, sponsor: str) -> bool:
        """Whether contributors that this requester vouches for count here."""
        return sponsor in self.sponsors or ALL in self.sponsors

    def check_peers(self, parties: Collection[str], me: str = "") -> None:
        """Whether this node, `me`, takes part with these parties.  Raises PolicyRefused, GroupTooSmall."""
        _listed("peer", sorted(set(parties) - {me}), self.peers)
        if len(set(parties)) < self.minimum_group:
            raise GroupTooSmall(f"{len(set(parties))} parties; the policy's minimum_group is {self.minimum_group}")

    def to_toml(self) -> str:
        """The policy as its file; `parse` reads it back."""
        plain = msgspec.to_builtins(self)
        datasets = plain.pop("datasets")
        lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
        for name, rule in datasets.items():
            lines += ["", f"[datasets.{json.dumps(name)}]"]
            lines += [f"{key} = {json.dumps(value)}" for key, value in rule.items()]
        return "\n".join(lines) + "\n"


def permissive(requesters: Iterable[str]) -> Policy:
    """For a local profile: every dataset and column for its own user, with the same limits as anywhere."""
    return Policy(
        functions=LOCAL,
        requesters=(users := tuple(requesters)),
        sponsors=users,
        approval="automatic",
        epsilon_per_period=10.0,
        delta_per_period=1e-5,
        parts_beside_totals=True,
        sponsored_count=True,
        dropouts_in_training=True,
        trainers=("scikit-learn",),
        datasets={ALL: DatasetRule(columns=(ALL,), filters=(ALL,))},
    )


def check_terms(owner: str, terms: Terms, question: Question) -> None:
    """Whether an owner whose node takes no part allowed this when it shared its data; raises PolicyRefused."""
    absent = f"{owner} takes no part, and when it shared its data"
    if question.function not in terms.functions:
        raise PolicyRefused(f"{absent}, its policy did not list the function {_short(question.function)}")
    if not {question.requester, ALL} & set(terms.requesters):
        raise PolicyRefused(f"{absent}, its policy did not list the requester {_short(question.requester)}")
    if question.lower_threshold and not terms.lower_threshold:
        raise PolicyRefused(f"{absent}, its policy did not allow a lower threshold than the manifest's")


def parse(text: str) -> Policy:
    """Raises Invalid, naming the key."""
    try:
        policy = records.from_plain(tomllib.loads(text), Policy)
    except (tomllib.TOMLDecodeError, records.DecodeError, RecursionError) as error:
        raise Invalid(f"not a policy: {error}") from None
    lists = {"functions": policy.functions}
    lists |= {f"datasets.{name}.functions": rule.functions or () for name, rule in policy.datasets.items()}
    for key, functions in lists.items():
        if ALL in functions:
            raise Invalid(f"not a policy: `{key}` names functions one by one, never {ALL!r}")
    return policy


def _listed(what: str, names: Iterable[str], allowed: Collection[str], of: str = "") -> None:
    missing = [each for each in names if each not in allowed]
    if missing and ALL not in allowed:
        raise PolicyRefused(f"the policy does not list the {what} {_short(missing[0])}{of}")


def _short(name: str) -> str:
    return repr(name[:60])
