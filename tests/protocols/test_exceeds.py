"""The threshold check: one bit to the requester, nothing about the total to anybody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.consortium import Consortium

from steelyard import field
from steelyard.errors import Invalid, SteelyardError
from steelyard.functions.computation import ResultShare
from steelyard.functions.exceeds import Exceeds, Limit
from steelyard.functions.question import Opening
from steelyard.ids import PartyId
from steelyard.rounds import Message, Round, run_locally
from steelyard.sharing import shamir

SIZES = [(3, 2), (4, 2), (5, 3)]
LARGEST = 2**59 // 5 - 1


def asked(limit: str, *groups: str) -> Exceeds:
    return Exceeds(
        "exceeds",
        Limit(dataset="accounts", column="balance", limit=limit, group_by="segment" if groups else "", groups=groups),
    )


def answer(consortium: Consortium, question: Exceeds, outcome: dict[PartyId, ResultShare | SteelyardError]) -> object:
    for each in outcome.values():
        if isinstance(each, SteelyardError):
            raise each
    shares = {consortium.points[party]: each.share for party, each in outcome.items()}  # type: ignore[union-attr]
    values = field.to_signed(shamir.reconstruct(shares, consortium.threshold)) if len(shares) else np.zeros(0)
    first = outcome[consortium.parties[0]]
    assert isinstance(first, ResultShare)
    return question.figures(Opening(values, first.suppressed, first.decimals, (), consortium.threshold))


def layers(totals: list[int], rows: int = 5) -> dict[str, list[int]]:
    return {"sum": totals, "count": [rows] * len(totals), "parties": [int(rows > 0)] * len(totals)}


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=10, deadline=None)
@given(total=st.integers(-LARGEST, LARGEST), above=st.sampled_from([-1, 0, 1, 5, -LARGEST, LARGEST]))
def test_it_says_whether_the_total_is_greater_than_the_limit(n: int, k: int, total: int, above: int) -> None:
    consortium = Consortium(n, k)
    parts = [total, *range(1, n)]
    inputs = {party: layers([part]) for party, part in zip(consortium.parties, parts, strict=True)}
    exact = sum(parts)
    limit = max(min(exact - above, 2**59 - 1), 1 - 2**59)
    sign, size = "-" if limit < 0 else "", abs(limit)
    question = asked(f"{sign}{size // 100}.{size % 100:02}")
    outcome = run_locally(consortium.totals(question, inputs))
    assert answer(consortium, question, outcome) == {"exceeds": exact > limit}


def test_groups_have_an_answer_each_and_those_with_too_few_rows_none() -> None:
    consortium = Consortium(3, 2, minimum_rows=10)
    inputs = {
        party: {"sum": [500, 400, 100], "count": [4, 3, 4], "parties": [1, 1, int(party == "bank-a")]}
        for party in consortium.parties
    }
    question = asked("12.00", "many", "few", "lonely")
    outcome = run_locally(consortium.totals(question, inputs))
    assert answer(consortium, question, outcome) == {
        "groups": [
            {"group": "many", "exceeds": True},
            {"group": "few", "exceeds": None, "suppressed": True},
            {"group": "lonely", "exceeds": None, "suppressed": True},
        ]
    }


Shape = list[tuple[str, int]]


def opened(consortium: Consortium, totals: list[int], limit: str) -> tuple[Shape, dict[str, set[bytes]]]:
    """Steps with their sizes, and what was said in the steps that open something."""
    shape, said = [], dict[str, set[bytes]]()

    def watch(sender: PartyId, receiver: PartyId, round_: Round, message: Message) -> Message:
        shape.append((round_.step, len(memoryview(message).cast("B"))))
        said.setdefault(round_.step, set()).add(bytes(message))
        return message

    inputs = {party: layers([total]) for party, total in zip(consortium.parties, totals, strict=True)}
    run_locally(consortium.totals(asked(limit), inputs), watch)
    return shape, said


def test_the_only_thing_opened_is_whether_to_suppress_and_the_transcript_has_one_shape() -> None:
    shapes = []
    for totals, limit in (([1, 2, 3], "0.00"), ([10**12, 0, 7], "5.00"), ([-5, -5, -5], "99.00")):
        shape, said = opened(Consortium(3, 2), totals, limit)
        assert {"suppressed"} == {step for step in said if step in ("open", "rows", "suppressed")}
        shapes.append(sorted(shape))
    assert shapes[0] == shapes[1] == shapes[2]


def test_where_everybody_has_enough_rows_nothing_is_opened_at_all() -> None:
    _, said = opened(Consortium(3, 2, enough=True), [1, 2, 3], "0.05")
    assert "suppressed" not in said


@pytest.mark.parametrize("limit", ["1.234", "9999999999999999.00"])
def test_a_limit_that_the_column_cannot_have_is_refused_before_anything_is_dealt(limit: str) -> None:
    consortium = Consortium(3, 2)
    outcome = run_locally(consortium.totals(asked(limit), {party: layers([1]) for party in consortium.parties}))
    assert all(isinstance(each, Invalid) for each in outcome.values())
    assert not any(ledger.entered for ledger in consortium.ledgers.values())
