"""What a node takes for a request at all."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unit.vaults import Place

from node.audit import Audit
from node.computations import Computations, Recorded
from node.consent import CLOCK_SKEW_MS, Consent
from node.keyring import OWN
from steelyard.documents.request import MAX_LIFE_MS, Request
from steelyard.documents.signed import sign
from steelyard.errors import Conflict, Invalid, Unauthenticated
from steelyard.ids import PartyId

KEY, NOW = Ed25519PrivateKey.generate(), 1_800_000_000_000


def read(signer: str = "analyst", key: Ed25519PrivateKey = KEY, **changes: object) -> Request:
    members = SimpleNamespace(requester_keys={"analyst": KEY.public_key()}, digest="22" * 32)
    said = {"computation": "ab" * 16, "manifest": "22" * 32, "requester": "analyst", "function": "sum", "arguments": {}}
    said |= {"created_ms": NOW, "expires_ms": NOW + 1000} | changes
    consent = Consent(PartyId("bank-a"), members, None, None, None, None, None, lambda: NOW)  # type: ignore[arg-type]
    return consent.read(sign(Request(**said), signer, key))  # type: ignore[arg-type]


def test_a_request_signed_by_its_requester_for_this_manifest_is_read() -> None:
    assert read(purpose="quarterly exposure, é").requester == "analyst"


@pytest.mark.parametrize("purpose", ["two\nlines", "\x1b[31mred", "tab\there"])
def test_a_purpose_that_could_forge_what_an_owner_sees_is_refused(purpose: str) -> None:
    with pytest.raises(Invalid, match="printable"):
        read(purpose=purpose)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"manifest": "33" * 32}, Conflict),
        ({"expires_ms": NOW - 1}, Conflict),
        ({"created_ms": NOW + CLOCK_SKEW_MS + 1, "expires_ms": NOW + CLOCK_SKEW_MS + 2}, Conflict),
        ({"expires_ms": NOW + MAX_LIFE_MS + 1}, Invalid),
        ({"requester": "somebody-else"}, Unauthenticated),
        ({"signer": "stranger"}, Unauthenticated),
        ({"key": Ed25519PrivateKey.generate()}, Unauthenticated),
    ],
)
def test_whatever_is_no_request_to_this_node_is_refused(changes: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        read(**changes)  # type: ignore[arg-type]


def test_an_approval_that_two_threads_settle_is_in_the_audit_log_once(tmp_path: Path) -> None:
    """It leaves memory after the transaction: another thread may find it there in between."""
    arguments = {"dataset": "accounts", "column": "balance"}
    request = Request(
        computation="ab" * 16, manifest="22" * 32, requester="analyst", function="sum", arguments=arguments,
        created_ms=NOW, expires_ms=NOW + 1000,
    )  # fmt: skip
    approved = Recorded("ab" * 16, sign(request, "analyst", KEY), "approved", None, NOW)
    with Place(tmp_path).opened() as vault:
        database, party = vault._database, PartyId("bank-a")
        vault.create(OWN)
        computations, audit = Computations(database, vault, party), Audit(database)
        consent = Consent(party, None, None, computations, None, audit, database, lambda: NOW)  # type: ignore[arg-type]
        consent._fresh[approved.id] = approved
        with consent.settling():
            pass
        consent._fresh[approved.id] = approved
        with consent.settling():
            pass
        assert [entry.event for entry in audit.read()] == ["asked"]
        assert computations.get(approved.id).noise == approved.noise
