"""Statements of several parties, and what a requester gets who asks about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from protocols.consortium import Consortium

from node import groups
from steelyard.ckks.statements import ITEMS
from steelyard.digest import digest
from steelyard.documents.attempt import InputSet
from steelyard.documents.signed import read
from steelyard.errors import SteelyardError
from steelyard.field import to_signed
from steelyard.functions.catalogue import question
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.means import Means, Unseal
from steelyard.functions.question import Opening, Question, Values
from steelyard.ids import PartyId
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Tamper, run_locally
from steelyard.secret import Secret
from steelyard.sharing.robust import open_robustly
from steelyard.tables import schema
from steelyard.tables.filter import Filter
from steelyard.tables.predicate import expression

SCHEMA = schema.parse(
    '[columns.firm]\ntype = "text"\n[columns.year]\ntype = "integer"\n'
    + "".join(f'[columns.{name}]\ntype = "decimal"\ndecimals = 2\n' for name in ITEMS)
)
REQUEST = "11" * 32
Row = Mapping[str, Any]  # firm, year and items in whole units


def statement(firm: str, year: int = 2024, **items: int) -> Row:
    """One that balances unless told otherwise."""
    assets, liabilities = items.get("total_assets", 1000), items.get("total_liabilities", 600)
    usual = {
        "cash": 50,
        "inventory": 120,
        "receivables": 80,
        "current_assets": 400,
        "total_assets": assets,
        "current_liabilities": 250,
        "total_liabilities": liabilities,
        "equity": assets - liabilities,
        "retained_earnings": 150,
        "revenue": 1500,
        "cost_of_sales": 900,
        "ebit": 130,
        "interest_expense": 20,
        "net_income": 75,
    }
    return {"firm": firm, "year": year, **{name: 100 * amount for name, amount in {**usual, **items}.items()}}


@dataclass(frozen=True)
class Books:
    """`Table` over statements in memory."""

    rows: Sequence[Row]

    @property
    def frame(self) -> pl.LazyFrame:
        kinds = {"firm": pl.String, "year": pl.Int64, **dict.fromkeys(ITEMS, pl.Int64)}
        return pl.DataFrame([dict(each) for each in self.rows], schema=kinds).lazy()

    def totals(self, column: str, filters: Sequence[Filter]) -> tuple[Values, Values]:
        found = groups.cells(self.frame, SCHEMA, SCHEMA.column(column), filters)
        return np.array([total for total, _ in found]), np.array([count for _, count in found])

    def counts(self, filters: Sequence[Filter]) -> Values:
        return self.totals("equity", filters)[1]

    def values(self, column: str, where: Filter) -> Values:
        return self._selected(where).get_column(column).to_numpy()

    def texts(self, column: str, where: Filter) -> Sequence[str]:
        return self._selected(where).get_column(column).to_list()

    def has(self, column: str) -> bool:
        return all(column in row for row in self.rows)

    def _selected(self, where: Filter) -> pl.DataFrame:
        return self.frame.filter(expression(where, SCHEMA)).collect()


def asked(function: str, **arguments: Any) -> Question[Any]:
    return question(function, {"dataset": "statements", "column": "firm", "where": "", **arguments})


def play(
    consortium: Consortium,
    question: Question[Any],
    books: Mapping[PartyId, Books],
    tamper: Tamper | None = None,
    unseal: Mapping[PartyId, Unseal] | None = None,
) -> dict[PartyId, ResultShare | SteelyardError]:
    """What every node ends with."""
    places = tuple(SCHEMA.column(name).decimals for name in question.wanted.columns)

    def one(party: PartyId) -> Any:
        attempt, table = consortium.attempt(party), books.get(party)
        rows = question.rows(table) if table else 0
        offered = {"decimals": places, "bounds": (0,) * len(places), "rows": rows} if table else {}
        return compute(
            attempt,
            question,
            introduce(attempt, consortium.offer(table is not None, **offered)),
            Secret(question.bring(table, rows)) if table else None,
            consortium.ledgers[party],
            SystemRandomness(),
            lambda identity: Keystream(digest("noise", identity.encode())),
            means=Means(unseal=unseal[party] if unseal else None),
        )

    return run_locally({party: one(party) for party in consortium.parties}, tamper)


def fail(outcome: Mapping[PartyId, ResultShare | SteelyardError]) -> dict[PartyId, ResultShare]:
    """The outcome when nobody failed; raises the first error otherwise."""
    for each in outcome.values():
        if isinstance(each, SteelyardError):
            raise each
    return dict(outcome)  # type: ignore[arg-type]


def opened(
    consortium: Consortium,
    question: Question[Any],
    outcome: Mapping[PartyId, ResultShare],
    change: Callable[[dict[PartyId, bytes]], dict[PartyId, bytes]] = lambda attachments: attachments,
    request: str = REQUEST,
    unseal: Unseal | None = None,
) -> dict[str, Any]:
    """What the requester gets out of these replies."""
    shares = {party: each.share for party, each in outcome.items()}
    values = to_signed(open_robustly(shares, consortium.points, consortium.threshold).value)
    one = next(iter(outcome.values()))
    contributions = read(InputSet, one.input_set).contributions
    opening = Opening(values, (), one.decimals, contributions, consortium.threshold, request, consortium.keys, unseal)
    return question.open_attachments(change({p: each.attachment for p, each in outcome.items()}), opening)


def ask(consortium: Consortium, question: Question[Any], books: Mapping[PartyId, Books]) -> dict[str, Any]:
    return opened(consortium, question, fail(play(consortium, question, books)))
