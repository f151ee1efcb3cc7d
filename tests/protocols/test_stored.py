"""A question about a stored sharing has the answer it would have had when the data was dealt, without the owners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from protocols.consortium import Consortium
from protocols.tables import Rows, ask, figures

from steelyard.digest import digest
from steelyard.documents.stored import Part, Stored
from steelyard.errors import Conflict, Invalid, SteelyardError
from steelyard.field import from_signed
from steelyard.functions.catalogue import question
from steelyard.functions.computation import compute
from steelyard.functions.record import Kept, Layout, dealt, written
from steelyard.ids import PartyId
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import run_locally
from steelyard.sharing import shamir
from steelyard.tables.filter import Filter, parse

ROWS = 32
BALANCES: list[list[int]] = [[5, -700, 2_000_00], [100, 100, 31, 2**40], [-3, 17, 2_500_00, 8]]
POOL = [Rows.of(each) for each in BALANCES]
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("sum", {}),
    ("count", {}),
    ("mean", {}),
    ("exceeds", {"limit": "100.00"}),
    ("stats", {"quantiles": ["0.25", "0.9"]}),
    ("stats", {"median": False}),
    ("histogram", {"edges": ["-1", "0.30", "1.00"]}),
    ("hhi", {}),
    ("top", {"count": 2, "values": True}),
]


@dataclass(frozen=True)
class Several:
    """`Table` of several columns."""

    columns: dict[str, list[int]]

    def values(self, column: str, where: Filter) -> np.ndarray:
        return np.array(self.columns[column], dtype=np.int64)

    def totals(self, column: str, filters: Sequence[Filter]) -> tuple[np.ndarray, np.ndarray]:
        values = self.values(column, filters[0])
        return values.sum(keepdims=True), np.array([values.size])


def stored(parties: int, consortium: Consortium, columns: tuple[str, ...], vector: bool, rows: int) -> Stored:
    names = consortium.parties[:parties]
    return Stored(
        id="ab" * 16,
        name="pool",
        dataset="accounts",
        columns=columns,
        where="",
        vector=vector,
        enough=False,
        minimum_rows=1,
        parts=tuple(Part(name, "ee" * 16, rows, (2,) * len(columns), (0,) * len(columns)) for name in names),
        threshold=consortium.threshold,
    )


def kept(
    tables: Sequence[Any],
    consortium: Consortium,
    columns: tuple[str, ...] = ("balance",),
    vector: bool = False,
    rows: int = ROWS,
) -> dict[PartyId, Kept]:
    """What every node would keep."""
    described = stored(len(tables), consortium, columns, vector, rows)
    layout = Layout(len(columns), rows, vector)
    held: dict[PartyId, list[np.ndarray]] = {party: [] for party in consortium.parties}
    points = [consortium.points[party] for party in consortium.parties]
    for table in tables:
        record = dealt(written(table, columns, parse(""), layout), len(points), SystemRandomness())
        shares = shamir.share(from_signed(record), consortium.threshold, points, SystemRandomness())
        for party in consortium.parties:
            held[party].append(shares[consortium.points[party]])
    return {party: Kept(described, "77" * 32, np.concatenate(each)) for party, each in held.items()}


def ask_stored(consortium: Consortium, asked: Any, shelves: dict[PartyId, Kept]) -> dict[str, Any]:
    outcome = run_locally({party: played(consortium, asked, party, each) for party, each in shelves.items()})
    for each in outcome.values():
        if isinstance(each, SteelyardError):
            raise each
    return figures(consortium, asked, outcome)  # type: ignore[arg-type]


def played(consortium: Consortium, asked: Any, party: PartyId, shelf: Kept) -> Any:
    attempt = consortium.attempt(party)
    return compute(
        attempt,
        asked,
        introduce(attempt, consortium.offer(False, stored=shelf.epoch)),
        None,
        consortium.ledgers[party],
        SystemRandomness(),
        lambda identity: Keystream(digest("noise", identity.encode())),
        kept=shelf,
    )


def about(function: str, dataset: str, **arguments: Any) -> Any:
    return question(function, {"dataset": dataset, "column": "balance", **arguments})


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@pytest.mark.parametrize(("function", "arguments"), QUESTIONS, ids=lambda each: str(each))
def test_a_stored_sharing_answers_as_its_owners_would(n: int, k: int, function: str, arguments: dict[str, Any]) -> None:
    consortium = Consortium(n, k, minimum_group=2)
    rows: dict[PartyId, Rows] = dict(zip(consortium.parties, POOL, strict=False))
    fresh = ask(consortium, about(function, "accounts", **arguments), rows, bounds=(0,))
    assert ask_stored(consortium, about(function, "@pool", **arguments), kept(POOL, consortium)) == fresh


SEVERAL = {"x": [1, 5, -9, 200], "y": [7, 7, 1, 3], "z": [2**40, 3, -4, 11]}
RELATED: list[tuple[str, dict[str, Any]]] = [
    ("correlate", {"column": "z", "other": "x"}),
    ("regress", {"column": "y", "on": ["z", "x"]}),
    ("compare", {"column": "y", "than_column": "x"}),
]


@pytest.mark.parametrize(("function", "arguments"), RELATED, ids=lambda each: str(each))
def test_columns_of_a_stored_sharing_are_related_in_any_order(function: str, arguments: dict[str, Any]) -> None:
    consortium = Consortium(3, 2, minimum_group=2, decimals=(2,) * (3 if function == "regress" else 2))
    tables = [Several({name: rows[index : index + 2] for name, rows in SEVERAL.items()}) for index in (0, 1, 2)]
    rows = dict(zip(consortium.parties, tables, strict=True))
    fresh = ask(
        consortium,
        question(function, {"dataset": "accounts", **arguments}),
        rows,
        bounds=(0,) * len(consortium.decimals),
    )
    asked = question(function, {"dataset": "@pool", **arguments})
    assert ask_stored(consortium, asked, kept(tables, consortium, columns=tuple(SEVERAL))) == fresh


def test_vectors_are_added_position_by_position() -> None:
    consortium = Consortium(3, 2, minimum_group=2)
    vectors = [[1, 2, 3], [10, 20, 30], [100, 200, -300]]
    shelves = kept([Rows.of(each) for each in vectors], consortium, vector=True, rows=3)
    asked = about("sum", "@pool", length=3)
    outcome = run_locally({party: played(consortium, asked, party, each) for party, each in shelves.items()})
    shares = {consortium.points[party]: each.share for party, each in outcome.items()}  # type: ignore[union-attr]
    assert shamir.reconstruct(shares, 2).tolist() == from_signed([111, 222, -267]).tolist()


def test_rows_that_are_padded_are_no_vector() -> None:
    consortium = Consortium(3, 2, minimum_group=2)
    with pytest.raises(Invalid, match="--vector"):
        ask_stored(consortium, about("sum", "@pool", length=ROWS), kept(POOL, consortium))


def test_nodes_at_different_epochs_do_not_compute_together() -> None:
    consortium = Consortium(3, 2, minimum_group=2)
    shelves = kept(POOL, consortium)
    late = consortium.parties[1]
    shelves[late] = Kept(shelves[late].stored, "78" * 32, shelves[late].share)
    with pytest.raises(Conflict, match="recovered"):
        ask_stored(consortium, about("sum", "@pool"), shelves)


def test_a_column_that_is_not_stored_is_named() -> None:
    consortium = Consortium(3, 2, minimum_group=2)
    asked = question("sum", {"dataset": "@pool", "column": "profit"})
    with pytest.raises(Invalid, match="profit"):
        ask_stored(consortium, asked, kept(POOL, consortium))


@pytest.mark.parametrize("arguments", [{"where": "segment = 'retail'"}, {"group_by": "segment", "groups": ["retail"]}])
def test_a_stored_sharing_is_asked_about_whole(arguments: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="taken whole"):
        about("sum", "@pool", **arguments)


def test_noise_is_asked_of_owners() -> None:
    consortium = Consortium(3, 2, minimum_group=2)
    with pytest.raises(Invalid, match="noise"):
        ask_stored(consortium, about("sum", "@pool", epsilon="1"), kept(POOL, consortium))
