"""Without a digest of the lost share k + b helpers must agree, and k + 1 at least (docs/guarantees.md)."""

from __future__ import annotations

from protocols.vaults import POOL, Holders, values

from steelyard.epochs.certificate import Commit
from steelyard.errors import SteelyardError
from steelyard.functions.catalogue import question
from steelyard.functions.record import size_of
from steelyard.functions.upkeep import Known
from steelyard.ids import PartyId
from steelyard.randomness import token


def test_k_helpers_are_too_few_for_a_share_whose_digest_nobody_has() -> None:
    """3 of 5: the coordinator leaves one helper out, and one of the other three gives what share it likes."""
    holders = Holders(3, 5, values(size_of(POOL)), liars=1)
    lost, *others = holders.parties
    ran = holders.refresh(others)
    commit = holders.settle(ran.change, ran.votes)
    assert isinstance(commit, Commit)
    assert lost not in commit.digests
    asked = question("recover", {"dataset": "@pool", "party": lost})
    attempt = holders.attempt(PartyId(lost), token(16).hex(), [lost, *others[:3]])
    try:
        loss = asked._loss(attempt, Known(POOL.encode(), commit))
    except SteelyardError:
        return
    assert loss.digest or loss.liars > 0
