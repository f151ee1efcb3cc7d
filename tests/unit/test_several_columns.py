"""A question about several columns: owners' policies are asked about all of them, and the ledger remembers them all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.sdk.questions import beside, with_options
from node.consent import Consent
from node.release import PendingRelease
from node.sharings import Sharings
from steelyard.documents.attempt import Contribution
from steelyard.documents.request import Request
from steelyard.documents.signed import sign
from steelyard.errors import Invalid, PolicyRefused
from steelyard.functions.catalogue import question_of
from steelyard.functions.leakage import leakage
from steelyard.ids import PartyId
from steelyard.privacy import policy

KEY, NOW = Ed25519PrivateKey.generate(), 1_800_000_000_000
BANKS = (PartyId("bank-a"), PartyId("bank-b"), PartyId("bank-c"))
POLICY = policy.parse("""
functions = ["correlate", "regress"]
requesters = ["analyst"]
approval = "automatic"

[datasets.accounts]
columns = ["default", "income"]
filters = ["segment"]
""")


def request(function: str, **arguments: Any) -> Request:
    return Request(
        computation="ab" * 16,
        manifest="22" * 32,
        requester="analyst",
        function=function,
        arguments={"dataset": "accounts", "column": "default", **arguments},
        created_ms=NOW,
        expires_ms=NOW + 1000,
    )


def consent() -> Consent:
    members = SimpleNamespace(
        requester_keys={"analyst": KEY.public_key()}, digest="22" * 32, parties=BANKS, size=3, threshold=2
    )
    file = SimpleNamespace(read=lambda: POLICY)
    return Consent(BANKS[0], members, file, None, Sharings(None, None), None, None, lambda: NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "arguments"), [("correlate", {"other": "income"}), ("regress", {"on": ["income"]})]
)
def test_columns_that_are_all_listed_are_allowed(function: str, arguments: dict[str, Any]) -> None:
    assert consent().check(request(function, where="segment = 'retail'", **arguments), BANKS) is POLICY


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        ("correlate", {"other": "age"}, "age"),
        ("correlate", {"column": "age", "other": "income"}, "age"),
        ("correlate", {"other": "segment"}, "segment"),  # to filter by is not to use its values
        ("regress", {"on": ["income", "age"]}, "age"),
        ("regress", {"column": "age", "on": ["income", "default"]}, "age"),
    ],
)
def test_a_column_that_is_not_listed_is_refused_wherever_it_stands(
    function: str, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(PolicyRefused, match=f"column '{named}'"):
        consent().check(request(function, **arguments), BANKS)


def test_an_automatic_approval_is_refused_too() -> None:
    signed = sign(request("regress", on=["income", "age"]), "analyst", KEY)
    decided, refusal = consent()._judge(consent().read(signed))
    assert (decided, type(refusal)) == ("refused", PolicyRefused)


def test_the_ledger_is_told_all_columns_and_the_filter() -> None:
    asked, seen = request("regress", on=["income", "age"], where="segment = 'retail'"), []
    ledger = SimpleNamespace(check=lambda candidate, limits, now_ms: seen.append(candidate))
    pending = PendingRelease(ledger, consent(), asked, question_of(asked), POLICY, 2, lambda: None)  # type: ignore[arg-type]
    pending.check([Contribution(bank, "ee" * 16, (2, 0, 0), (0, 0, 0)) for bank in BANKS])
    [candidate] = seen
    assert (candidate.column, candidate.filter) == ("default,income,age", "segment = 'retail'")
    assert candidate.inputs == {(bank, "ee" * 16) for bank in BANKS}


def test_the_leakage_statement_names_every_column() -> None:
    said = leakage(request("regress", on=["income", "age"]), 3)[0].what
    for column in ("default", "income", "age"):
        assert f"accounts.{column}" in said
    assert "sum of products" in said


def test_other_columns_are_of_the_same_dataset() -> None:
    assert beside("accounts.balance", ["accounts.income", "age"]) == ["income", "age"]
    with pytest.raises(Invalid, match="no column of 'accounts'"):
        beside("accounts.balance", ["loans.income"])
    assert with_options({"where": "a = 1", "options": {"a": 1}}, b=2) == {"where": "a = 1", "options": {"a": 1, "b": 2}}
