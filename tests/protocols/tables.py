"""Asking a question of plain tables: from every party's rows to the figures, with a record of what is opened."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest
from protocols.consortium import Consortium

from node import groups
from steelyard.digest import digest
from steelyard.errors import SteelyardError
from steelyard.field import to_signed
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.question import Opening, Question, Values
from steelyard.ids import PartyId
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, Round, Tamper, run_locally
from steelyard.secret import Secret
from steelyard.sharing.robust import open_robustly
from steelyard.tables import schema
from steelyard.tables.filter import Filter
from steelyard.tables.predicate import expression

SCHEMA = schema.parse('[columns.segment]\ntype = "text"\n[columns.balance]\ntype = "decimal"\ndecimals = 2')
Row = tuple[str, int]  # segment, balance in minor units


@dataclass(frozen=True)
class Rows:
    """`Table` over rows in memory."""

    rows: Sequence[Row]

    @classmethod
    def of(cls, balances: Sequence[int]) -> Rows:
        return cls([("retail", each) for each in balances])

    @property
    def frame(self) -> pl.LazyFrame:
        return pl.LazyFrame(self.rows, {"segment": pl.String, "balance": pl.Int64}, orient="row")

    def totals(self, column: str, filters: Sequence[Filter]) -> tuple[Values, Values]:
        found = groups.cells(self.frame, SCHEMA, SCHEMA.column(column), filters)
        return np.array([total for total, _ in found]), np.array([count for _, count in found])

    def counts(self, filters: Sequence[Filter]) -> Values:
        return self.totals("balance", filters)[1]

    def values(self, column: str, where: Filter) -> Values:
        return self._selected(where).get_column(column).to_numpy()

    def texts(self, column: str, where: Filter) -> Sequence[str]:
        return self._selected(where).get_column(column).to_list()

    def _selected(self, where: Filter) -> pl.DataFrame:
        return self.frame.filter(expression(where, SCHEMA)).collect()


@dataclass
class Watched:
    """What went to and fro while a question was answered."""

    messages: list[tuple[str, str, str, int]] = field(default_factory=list)  # step, sender, receiver, bytes
    opened: list[tuple[str, int]] = field(default_factory=list)  # step, size, at the first party


def ask(
    consortium: Consortium,
    question: Question[Any],
    tables: Mapping[PartyId, Rows],
    watched: Watched | None = None,
    tamper: Tamper | None = None,
    **offered: object,
) -> dict[str, Any]:
    """The figures that the requester gets; raises what any party raises.  `offered` is what all of them declare."""
    watched = watched or Watched()

    def watch(sender: PartyId, receiver: PartyId, round_: Round, message: Any) -> Any:
        watched.messages.append((round_.step, sender, receiver, len(memoryview(message).cast("B"))))
        return tamper(sender, receiver, round_, message) if tamper else message

    played = {party: _played(consortium, question, party, tables.get(party), offered) for party in consortium.parties}
    outcome = run_locally(played, watch)
    for each in outcome.values():
        if isinstance(each, SteelyardError):
            raise each
    return figures(consortium, question, outcome)  # type: ignore[arg-type]


def tables(consortium: Consortium, balances: Sequence[Sequence[int]]) -> dict[PartyId, Rows]:
    """Of as many parties as there are lists."""
    return {party: Rows.of(each) for party, each in zip(consortium.parties, balances, strict=False)}


def figures(consortium: Consortium, question: Question[Any], outcome: Mapping[PartyId, ResultShare]) -> dict[str, Any]:
    one, *others = outcome.values()
    assert all(each.suppressed == one.suppressed for each in others)
    shares = {party: each.share for party, each in outcome.items()}
    values = to_signed(open_robustly(shares, consortium.points, consortium.threshold).value)
    contributions = consortium.ledgers[consortium.parties[0]].entered[-1].contributions
    return question.figures(Opening(values, one.suppressed, one.decimals, contributions, consortium.threshold))


def watch_openings(monkeypatch: pytest.MonkeyPatch, watched: Watched) -> None:
    """From now on, whatever is opened to nodes is written down."""
    for name in ("open_bits", "open_to_nodes"):
        for module in [
            each for key, each in sys.modules.items() if key.startswith("steelyard.") and hasattr(each, name)
        ]:
            monkeypatch.setattr(module, name, _recorded(getattr(module, name), watched))


def _recorded(opening: Callable[..., Protocol[Any]], watched: Watched) -> Callable[..., Protocol[Any]]:
    def recorded(who: Any, step: str, share: Any) -> Protocol[Any]:
        if who.me == "bank-a":
            watched.opened.append((step, share.size))
        return (yield from opening(who, step, share))

    return recorded


def _played(
    consortium: Consortium, question: Question[Any], party: PartyId, table: Rows | None, offered: Mapping[str, object]
) -> Protocol[ResultShare]:
    attempt = consortium.attempt(party)
    rows = question.rows(table) if table else 0
    offer = consortium.offer(table is not None, **({"bounds": (0,), "rows": rows, **offered} if table else {}))
    return compute(
        attempt,
        question,
        introduce(attempt, offer),
        Secret(question.bring(table, rows)) if table else None,
        consortium.ledgers[party],
        SystemRandomness(),
        lambda identity: Keystream(digest("noise", identity.encode())),
    )
