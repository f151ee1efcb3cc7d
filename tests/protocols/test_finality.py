"""A round that is declared final: its contributions are forgotten, and only what a node has cleared can be."""

from __future__ import annotations

from typing import Any

import pytest
from protocols.clubs import Club, debts, plain
from protocols.pools import raised

from steelyard.documents.request import Request
from steelyard.errors import Invalid, NotFound
from steelyard.functions.past import Earlier

RUN = "5e" * 16
TRIANGLE = debts(("A", "B", 100), ("B", "C", 70), ("C", "A", 90))


@pytest.fixture
def club() -> Club:
    made = Club.of(TRIANGLE)
    made.all_say(TRIANGLE)
    return made


def earlier(club: Club, function: str = "set_off", **arguments: Any) -> Earlier:
    """That round, over what waits at the nodes now."""
    (box, *_) = club.boxes.values()
    request = Request(
        computation=RUN,
        manifest="22" * 32,
        requester="analyst",
        function=function,
        arguments={"dataset": "club", "column": "amount", "terms": plain(club.terms), **arguments},
        created_ms=1,
        expires_ms=2,
    )
    return Earlier(request, frozenset((firm, each.header.id) for firm, each in box.parcels.items()))


def test_nodes_forget_what_a_final_round_has_cleared_and_may_be_told_twice(club: Club) -> None:
    past = {RUN: earlier(club)}
    for _ in range(2):
        outcome = raised(club.declare(past, run=RUN))
        assert {len(each.share) for each in outcome.values()} == {1}
        assert not any(box.parcels for box in club.boxes.values())
    with pytest.raises(NotFound, match="nobody has brought"):
        club.clear(steps=20)


def test_only_a_round_that_this_node_has_cleared_can_be_final(club: Club) -> None:
    wrong = {
        "0a" * 16: (NotFound, None),
        "0b" * 16: (Invalid, earlier(club, "netting")),
        "0c" * 16: (Invalid, earlier(club, dry_run=True)),
    }
    past = {run: each for run, (_, each) in wrong.items() if each}
    for run, (error, _) in wrong.items():
        with pytest.raises(error):
            raised(club.declare(past, run=run))
    assert all(len(box.parcels) == 3 for box in club.boxes.values())
