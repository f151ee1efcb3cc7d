"""A coordinator that runs a signed request again, as long as it is valid, does not do the same to another sharing."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from protocols.vaults import POOL, SHARING, Holders, values
from unit.vaults import Place

from node.ledger import Ledger
from node.release import PendingRelease
from node.sharings import Sharings
from steelyard.documents.attempt import Contribution, InputSet
from steelyard.documents.request import Request
from steelyard.errors import Conflict, Invalid, SteelyardError
from steelyard.functions.catalogue import question, question_of
from steelyard.functions.record import size_of
from steelyard.functions.upkeep import Known, check_bound
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


@pytest.mark.parametrize("other", [{"sharing": "00" * 16}, {"epoch": 2}])
def test_a_request_is_about_one_sharing_at_one_epoch(other: dict[str, object]) -> None:
    holders = Holders(2, 3, values(3))
    known = Known(POOL.encode(), holders.commit)
    right = {"dataset": "@pool", "sharing": SHARING, "epoch": holders.commit.change.made.epoch}
    check_bound(question("refresh", right).wanted, known)
    with pytest.raises(Conflict, match="ask again"):
        check_bound(question("refresh", right | other).wanted, known)


@pytest.mark.parametrize("function", ["refresh", "forget", "audit"])
def test_a_request_that_says_not_which_sharing_is_refused(function: str) -> None:
    with pytest.raises(Invalid):
        question(function, {"dataset": "@pool"}).check_bound()
    question(function, {"dataset": "@pool", "sharing": SHARING, "epoch": 1}).check_bound()


def test_a_change_that_was_made_for_this_computation_is_answered_and_not_made_again() -> None:
    holders = Holders(2, 3, values(3))
    change = holders.commit.change
    known = Known(POOL.encode(), holders.commit)
    asked = question("refresh", {"dataset": "@pool", "sharing": SHARING, "epoch": 1})
    assert asked.made(known) == (change.made.epoch, len(change.voters), size_of(POOL))


def test_what_was_forgotten_is_not_made_again_under_its_id(tmp_path: Path) -> None:
    with Place(tmp_path).opened() as vault:
        store = Sharings(vault._database, vault)
        store.describe(POOL)
        store.forget(POOL.id)
        with pytest.raises(Conflict, match="erased for good"):
            store.describe(POOL, new=True)
        store.describe(POOL)  # as one that others still hold


def entered(version: str, attempt: str) -> InputSet:
    contributions = tuple(Contribution(bank, version, (), (), 16) for bank in ("bank-a", "bank-b", "bank-c"))
    return InputSet(
        computation="ab" * 16, request="11" * 32, contributions=contributions, threshold=2, attempt=attempt,
        transcript="33" * 32,
    )  # fmt: skip
