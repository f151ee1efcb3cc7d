"""A coordinator that runs a signed request again, as long as it is valid, does not do the same to another sharing."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from unit.vaults import Place

from node.ledger import Ledger
from node.release import PendingRelease
from steelyard.documents.attempt import Contribution, InputSet
from steelyard.documents.request import Request
from steelyard.errors import SteelyardError
from steelyard.functions.catalogue import question_of
from steelyard.privacy import policy

NOW = 1_800_000_000_000
RESHARE = {"dataset": "@pool", "holders": ["bank-a", "bank-b"], "shares": 2}


@pytest.mark.parametrize(("function", "arguments"), [("forget", {"dataset": "@pool"}), ("reshare", RESHARE)])
def test_the_request_that_forgot_one_pool_does_not_forget_the_next(
    tmp_path: Path, function: str, arguments: dict[str, object]
) -> None:
    """The name is all that the request says; the owner has shared newer data as @pool since."""
    asked = Request(
        computation="ab" * 16, manifest="22" * 32, requester="analyst", function=function, arguments=arguments,
        created_ms=NOW, expires_ms=NOW + 1000,
    )  # fmt: skip
    with Place(tmp_path).opened() as vault:
        consent = SimpleNamespace(settling=nullcontext, now_ms=lambda: NOW)
        ledger = Ledger(vault._database)
        pending = PendingRelease(
            ledger, consent, asked, question_of(asked), policy.permissive(["analyst"]), 2, lambda: None  # type: ignore[arg-type]
        )  # fmt: skip
        pending.enter(entered("ee" * 16, "01" * 16))
        with pytest.raises(SteelyardError):
            pending.enter(entered("ff" * 16, "02" * 16))


def entered(version: str, attempt: str) -> InputSet:
    contributions = tuple(Contribution(bank, version, (), (), 16) for bank in ("bank-a", "bank-b", "bank-c"))
    return InputSet(
        computation="ab" * 16, request="11" * 32, contributions=contributions, threshold=2, attempt=attempt,
        transcript="33" * 32,
    )  # fmt: skip
