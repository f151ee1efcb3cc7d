"""Who is not a holder any more, and hears of it, keeps nothing, even if it was away when the others decided."""

from __future__ import annotations

from protocols.vaults import SHARING, Holders, values

from steelyard.epochs.committee import Committee


def test_an_absent_holder_that_was_removed_erases_its_share_when_it_hears_of_it() -> None:
    """Nobody will ever recover it, which is when a share that is stale goes otherwise."""
    holders = Holders(2, 4, values(3), liars=0)
    removed, *staying = holders.parties
    new = Committee(2, {party: holders.points[party] for party in staying})
    ran = holders.reshare(new, voters=staying)
    holders.settle(ran.change, ran.votes)
    assert holders.machines[removed].record(SHARING).standing != "active"
    assert not holders.stores[removed].shares
