"""Who may take part in an attempt, as every node checks it."""

from __future__ import annotations

from typing import Any

import pytest

from node.participants import check_participants
from steelyard.documents.request import Request
from steelyard.errors import Invalid, PolicyRefused
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from tests.service.fakes import make_consortium

ALL = tuple(PartyId(f"bank-{letter}") for letter in "abcde")
STATEMENTS = {"dataset": "statements", "column": "firm", "subjects": ["firm-x"]}
SCORE = {**STATEMENTS, "features": ["ebit"], "weights": {}}


@pytest.fixture(scope="module")
def membership(tmp_path_factory: pytest.TempPathFactory) -> Membership:
    return make_consortium(tmp_path_factory.mktemp("consortium"), ALL)


def check(
    membership: Membership,
    chosen: tuple[PartyId, ...],
    function: str,
    arguments: dict[str, Any],
    allow: bool = True,
    threshold: int = 2,
) -> None:
    request = Request(
        computation="ab" * 16,
        manifest=membership.digest,
        requester="analyst",
        function=function,
        arguments=arguments,
        allow_missing=allow,
        created_ms=1,
        expires_ms=2,
    )
    check_participants(chosen, ALL[0], membership, request, threshold)


def test_a_call_for_a_score_takes_all_parties(membership: Membership) -> None:
    called = {**SCORE, "called": ["firm-x"]}
    check(membership, ALL, "score", called)
    with pytest.raises(PolicyRefused, match="one set of weights"):
        check(membership, ALL[:4], "score", called)
    check(membership, ALL[:4], "score", SCORE)
    check(membership, ALL[:4], "ratio", {**STATEMENTS, "ratios": ["roa"], "called": ["firm-x"]})


@pytest.mark.parametrize("chosen", [ALL[::-1], ALL[1:], (*ALL[:4], PartyId("bank-z"))])
def test_participants_are_parties_in_order_this_one_among_them(
    membership: Membership, chosen: tuple[PartyId, ...]
) -> None:
    with pytest.raises(Invalid, match="in its order"):
        check(membership, chosen, "score", SCORE)


def test_nobody_is_left_out_unless_the_requester_allows_it_and_a_quorum_stays(membership: Membership) -> None:
    with pytest.raises(PolicyRefused, match="did not allow"):
        check(membership, ALL[:4], "score", SCORE, allow=False)
    with pytest.raises(PolicyRefused, match="at least 4 nodes"):
        check(membership, ALL[:3], "score", SCORE)


def test_as_many_take_part_as_multiplying_needs(membership: Membership) -> None:
    with pytest.raises(PolicyRefused, match="at least 5 nodes must take part where"):
        check(
            membership,
            ALL[:4],
            "compare",
            {"dataset": "loans", "column": "amount", "where": "", "than": "year > 1"},
            threshold=3,
        )
