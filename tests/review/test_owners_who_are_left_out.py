"""An owner whose policy refuses a question is not got round by leaving its node out: its rows are in the sharing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from protocols.vaults import SHARING, Holders, values
from review.test_helpers_of_a_recovery import POOL
from unit.vaults import Place

from node.consent import Consent
from node.sharings import Sharings
from steelyard.documents.request import Request
from steelyard.documents.stored import Part
from steelyard.errors import Refused
from steelyard.privacy import policy

NOW = 1_800_000_000_000


def test_a_question_about_a_pool_asks_all_owners_of_what_is_in_it(tmp_path: Path) -> None:
    """The requester allows to leave parties out; the coordinator leaves out bank-e, who listed only `sum`.

    Of data that owners deal anew that is harmless: then bank-e's rows are not in it.  What may stand in the place of
    bank-e's word is what it said when it shared: the functions of its policy, in the description, which all signed.
    """
    holders = Holders(3, 5, values(3))
    members = SimpleNamespace(requester_keys={}, digest="22" * 32, parties=holders.parties, size=5, threshold=3)
    parts = tuple(Part(bank, "ee" * 16, 3, (2,), (0,)) for bank in holders.parties)
    request = Request(
        computation="ab" * 16, manifest="22" * 32, requester="analyst", function="stats", allow_missing=True,
        arguments={"dataset": "@pool", "column": "balance"}, created_ms=NOW, expires_ms=NOW + 1000,
    )  # fmt: skip
    with Place(tmp_path).opened() as vault:
        sharings = Sharings(vault._database, vault)
        sharings.describe(msgspec.structs.replace(POOL, parts=parts))
        sharings.save(holders.stores[holders.parties[0]].records[SHARING])
        file = SimpleNamespace(read=lambda: policy.permissive(["analyst"]))
        consent = Consent(holders.parties[0], members, file, None, sharings, None, None, lambda: NOW)  # type: ignore[arg-type]
        consent.check(request, holders.parties)
        with pytest.raises(Refused):
            consent.check(request, holders.parties[:4])
