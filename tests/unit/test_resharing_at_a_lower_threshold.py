"""A requester whom the owners allow to reshare does not thereby choose how few nodes open everything."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from unit.vaults import Place

from node.consent import Consent
from node.sharings import Sharings
from steelyard.documents.request import Request
from steelyard.errors import PolicyRefused
from steelyard.ids import PartyId
from steelyard.privacy import policy

NOW = 1_800_000_000_000
BANKS = tuple(PartyId(f"bank-{letter}") for letter in "abcde")
POLICY = policy.parse("""
functions = ["sum", "reshare"]
requesters = ["analyst"]
approval = "automatic"

[datasets."*"]
columns = ["balance"]
""")


@pytest.mark.parametrize("holders", [BANKS, BANKS[:2]])
def test_two_of_whoever_instead_of_three_of_five_is_refused(tmp_path: Path, holders: tuple[str, ...]) -> None:
    """`lower_threshold` is off: a computation that two nodes could open is refused, a sharing must be as well."""
    members = SimpleNamespace(requester_keys={}, digest="22" * 32, parties=BANKS, size=5, threshold=3)
    file = SimpleNamespace(read=lambda: POLICY)
    request = Request(
        computation="ab" * 16, manifest="22" * 32, requester="analyst", function="reshare",
        arguments={"dataset": "@pool", "holders": list(holders), "shares": 2}, created_ms=NOW, expires_ms=NOW + 1000,
    )  # fmt: skip
    with Place(tmp_path).opened() as vault:
        sharings = Sharings(vault._database, vault)
        consent = Consent(BANKS[0], members, file, None, sharings, None, None, lambda: NOW)  # type: ignore[arg-type]
        with pytest.raises(PolicyRefused):
            consent.check(request, BANKS)
