"""Whole questions over tables of numbers: every party brings its rows, the requester opens, what is sent is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from protocols.consortium import Consortium

from steelyard.errors import SteelyardError
from steelyard.field import to_signed
from steelyard.functions.catalogue import question
from steelyard.functions.question import Opening, Question
from steelyard.ids import PartyId
from steelyard.rounds import Round, run_locally
from steelyard.sharing.robust import open_robustly
from steelyard.tables.filter import Filter


@dataclass(frozen=True)
class Rows:
    """One party's rows in minor units; `groups` names the group of every row, for questions by group."""

    columns: Mapping[str, Sequence[int]]
    groups: Sequence[str] = ()

    def values(self, column: str, where: Filter) -> np.ndarray:
        return np.array(self.columns[column], dtype=np.int64)

    def totals(self, column: str, filters: Sequence[Filter]) -> tuple[np.ndarray, np.ndarray]:
        cells = [self._cell(column, each.text) for each in filters]
        sums, counts = [sum(cell) for cell in cells], [len(cell) for cell in cells]
        return np.array(sums, dtype=np.int64), np.array(counts, dtype=np.int64)

    def _cell(self, column: str, text: str) -> list[int]:
        values = list(self.columns[column])
        return values if not text else [v for v, group in zip(values, self.groups, strict=True) if f"'{group}'" in text]


@dataclass
class Asked:
    """What came of it; `opened` are the steps in which parties sent one and the same message to all others."""

    figures: dict[str, Any]
    suppressed: tuple[int, ...]
    values: np.ndarray
    opened: set[str] = field(default_factory=set)
    transcript: list[tuple[str, str, str, int]] = field(default_factory=list)  # step, sender, receiver, bytes


GREETING = {"hello", "check", "vote"}  # what every computation says to all


def ask(consortium: Consortium, asked: Question[Any], tables: Sequence[Rows | None]) -> Asked:
    """One table for each party; raises the first party's error when there is one."""
    inputs = {p: asked.bring(t, 0) for p, t in zip(consortium.parties, tables, strict=True) if t is not None}
    transcript: list[tuple[str, str, str, int]] = []
    opened: set[str] = set()
    others = len(consortium.parties) - 1

    def watch(sender: PartyId, receiver: PartyId, round_: Round, message: Any) -> Any:
        transcript.append((round_.step, sender, receiver, len(message)))
        if len(round_.send) == others and len({bytes(each) for each in round_.send.values()}) == 1:
            opened.add(round_.step)
        return message

    outcome = run_locally(consortium.totals(asked, inputs), watch)
    for each in outcome.values():
        if isinstance(each, SteelyardError):
            raise each
    [suppressed] = {each.suppressed for each in outcome.values()}
    shares = {party: each.share for party, each in outcome.items()}
    values = to_signed(open_robustly(shares, consortium.points, consortium.threshold).value)
    contributions = consortium.ledgers[consortium.parties[0]].entered[-1].contributions
    opening = Opening(values, suppressed, consortium.decimals, contributions, consortium.threshold)
    return Asked(asked.figures(opening), suppressed, values, opened, transcript)


def about(function: str, column: str = "balance", **arguments: Any) -> Question[Any]:
    return question(function, {"dataset": "accounts", "column": column, "where": "", **arguments})
