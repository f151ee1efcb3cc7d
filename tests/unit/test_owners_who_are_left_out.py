"""An owner whose policy refuses a question is not got round by leaving its node out: its rows are in the sharing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from protocols.vaults import POOL, SHARING, Holders, values
from unit.vaults import Place

from node.consent import Consent
from node.sharings import Sharings
from steelyard.documents.request import Request
from steelyard.documents.stored import Part
from steelyard.documents.terms import Terms
from steelyard.errors import PolicyRefused
from steelyard.ids import PartyId
from steelyard.privacy import policy

NOW = 1_800_000_000_000


def test_a_question_about_a_pool_asks_all_owners_of_what_is_in_it(tmp_path: Path) -> None:
    """The requester allows to leave parties out; the coordinator leaves out bank-e, who listed only `sum`.

    Of data that owners deal anew that is harmless: then bank-e's rows are not in it.  What may stand in the place of
    bank-e's word is what it said when it shared: the functions of its policy, in the description, which all signed.
    """
    with asked(tmp_path, Terms()) as (consent, request, parties):
        consent.check(request, parties)
        with pytest.raises(PolicyRefused, match="bank-e takes no part"):
            consent.check(request, parties[:4])


@pytest.mark.parametrize(
    ("terms", "allowed"),
    [
        (Terms(("stats",), ("analyst",)), True),
        (Terms(("sum", "stats"), ("*",)), True),
        (Terms(("sum",), ("analyst",)), False),
        (Terms(("stats",), ("somebody",)), False),
    ],
)
def test_what_an_absent_owner_allowed_when_it_shared_is_allowed(tmp_path: Path, terms: Terms, allowed: bool) -> None:
    verdict = nullcontext() if allowed else pytest.raises(PolicyRefused)
    with asked(tmp_path, terms) as (consent, request, parties), verdict:
        consent.check(request, parties[:4])


def test_the_terms_are_those_of_the_policy_that_shares(tmp_path: Path) -> None:
    rules = {"accounts": policy.DatasetRule(columns=("balance",), functions=("sum", "vector_sum", "unheard-of"))}
    said = policy.Policy(functions=("stats",), requesters=("analyst",), datasets=rules)
    assert said.terms("accounts") == Terms(("sum", "vector_sum"), ("analyst",))
    assert said.terms("others") == Terms(("stats",), ("analyst",))


@contextmanager
def asked(place: Path, terms: Terms) -> Iterator[tuple[Consent, Request, tuple[PartyId, ...]]]:
    """`stats` about a sharing of five banks' rows, of which bank-e said these terms."""
    holders = Holders(3, 5, values(3))
    members = SimpleNamespace(requester_keys={}, digest="22" * 32, parties=holders.parties, size=5, threshold=3)
    parts = tuple(Part(bank, "ee" * 16, 3, (2,), (0,), terms=terms) for bank in holders.parties)
    request = Request(
        computation="ab" * 16, manifest="22" * 32, requester="analyst", function="stats", allow_missing=True,
        arguments={"dataset": "@pool", "column": "balance"}, created_ms=NOW, expires_ms=NOW + 1000,
    )  # fmt: skip
    with Place(place).opened() as vault:
        sharings = Sharings(vault._database, vault)
        sharings.describe(msgspec.structs.replace(POOL, parts=parts))
        sharings.save(holders.stores[holders.parties[0]].records[SHARING])
        file = SimpleNamespace(read=lambda: policy.permissive(["analyst"]))
        consent = Consent(holders.parties[0], members, file, None, sharings, None, None, lambda: NOW)  # type: ignore[arg-type]
        yield consent, request, holders.parties
