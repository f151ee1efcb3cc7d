"""Firms that one requester vouches for may all be itself: they make no group by their number."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import msgspec
import pytest

from node.release import PendingRelease
from steelyard.documents.attempt import Contribution, independent
from steelyard.documents.request import Request
from steelyard.errors import GroupTooSmall
from steelyard.functions.catalogue import question_of
from steelyard.privacy import policy

POLICY = policy.parse('functions = ["sum"]\nrequesters = ["analyst"]\nsponsors = ["analyst", "club", "chamber"]\n')
ASKED = Request(
    computation="ab" * 16, manifest="22" * 32, requester="analyst", function="sum", created_ms=0, expires_ms=1000,
    arguments={"dataset": "@pool", "column": "balance"},
)  # fmt: skip


def bank(name: str) -> Contribution:
    return Contribution(name, "ee" * 16, (2,), (0,))


def firm(name: str, sponsor: str) -> Contribution:
    return msgspec.structs.replace(bank(name), sponsor=sponsor)


@pytest.mark.parametrize(
    ("contributions", "count"),
    [
        ([bank("bank-a"), bank("bank-b")], 2),
        ([bank("bank-a"), firm("firm-x", "club"), firm("firm-y", "club")], 2),
        ([bank("bank-a"), firm("firm-x", "club"), firm("firm-y", "chamber")], 3),
        ([bank("bank-a"), firm("firm-x", "analyst"), firm("firm-y", "analyst")], 1),
        ([bank("club"), firm("firm-x", "club")], 2),  # a requester may be named as a bank is
    ],
)
def test_firms_of_one_sponsor_are_one_and_the_requesters_none(contributions: list[Contribution], count: int) -> None:
    assert independent(contributions, "analyst") == count


@pytest.mark.parametrize("each_counts", [False, True])
def test_a_bank_and_invented_firms_are_no_group_unless_the_owner_says_so(each_counts: bool) -> None:
    rules = msgspec.structs.replace(POLICY, sponsored_count=each_counts)
    ledger = SimpleNamespace(check=lambda *_, **__: None)
    consent = SimpleNamespace(now_ms=lambda: 0)
    pending = PendingRelease(ledger, consent, ASKED, question_of(ASKED), rules, 2, lambda: None)  # type: ignore[arg-type]
    with nullcontext() if each_counts else pytest.raises(GroupTooSmall, match="sponsored_count"):
        pending.check([bank("bank-a"), firm("firm-x", "analyst"), firm("firm-y", "analyst")])
    pending.check([bank("bank-a"), bank("bank-b"), firm("firm-y", "club")])


def test_firms_whose_figures_go_out_by_their_own_consent_need_no_group() -> None:
    arguments = {"dataset": "statements", "column": "firm", "ratios": ["roa"], "subjects": ["x"], "called": ["x"]}
    asked = msgspec.structs.replace(ASKED, function="ratio", arguments=arguments)
    ledger, consent = SimpleNamespace(check=lambda *_, **__: None), SimpleNamespace(now_ms=lambda: 0)
    pending = PendingRelease(ledger, consent, asked, question_of(asked), POLICY, 3, lambda: None)  # type: ignore[arg-type]
    pending.check([firm("x", "analyst")])
