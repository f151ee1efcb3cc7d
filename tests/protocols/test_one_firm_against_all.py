"""One sponsored firm, or one node, does not keep everybody else's data out of a sharing, nor delete it."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
from protocols.pools import Pool
from protocols.vaults import POOL

from node.books import After
from steelyard.documents.stored import Part

FIRM_ID = "fa" * 16


def test_a_firm_with_other_decimals_is_left_out_and_the_rest_goes_on() -> None:
    pool = Pool(3, 2)
    pool.firm("firm-good", [5])
    pool.firm("firm-odd", [7], decimals=0)
    said = pool.share({"bank-a": [1, 2], "bank-b": [3]})
    assert said["contributors"] == ["firm-good"]


def test_the_version_that_a_bank_claims_for_its_own_data_drops_no_contribution() -> None:
    """A hello may say any version: the id of a firm's contribution to another dataset, which all would forget."""
    dropped: list[str] = []
    inbox = SimpleNamespace(drop=dropped.extend)
    bank = Part("bank-c", FIRM_ID, 16, (2,), (0,))
    stored = msgspec.structs.replace(POOL, parts=(*POOL.parts, bank))
    After(inbox)(SimpleNamespace(kind="share"), stored)  # type: ignore[arg-type]
    assert FIRM_ID not in dropped
