"""Who is not a holder any more, and hears of it, keeps nothing, even if it was away when the others decided."""

from __future__ import annotations

from protocols.vaults import NOW, SHARING, Holders, values

from steelyard.epochs.certificate import Commit, decide
from steelyard.epochs.committee import Committee
from steelyard.epochs.settlement import Show, Status, outlook


def test_an_absent_holder_that_was_removed_erases_its_share_when_it_hears_of_it() -> None:
    """Nobody will ever recover it, which is when a share that is stale goes otherwise."""
    holders = Holders(2, 4, values(3), liars=0)
    removed, *staying = holders.parties
    new = Committee(2, {party: holders.points[party] for party in staying})
    ran = holders.reshare(new, voters=staying)
    holders.settle(ran.change, ran.votes)
    assert holders.machines[removed].record(SHARING).standing != "active"
    assert not holders.stores[removed].shares


def test_who_was_stale_already_hears_of_its_removal_and_erases_its_share() -> None:
    holders = Holders(2, 4, values(3), liars=0)
    removed, *staying = holders.parties
    ran = holders.refresh(staying)
    holders.settle(ran.change, ran.votes)
    assert holders.stores[removed].shares
    new = Committee(2, {party: holders.points[party] for party in staying})
    ran = holders.reshare(new, voters=staying)
    commit = decide(ran.change, ran.votes, holders.keys)
    assert isinstance(commit, Commit)
    for party in staying:
        holders.machines[party].commit(commit)
    statuses = [Status(party, holders.stores[party].records[SHARING], True) for party in holders.parties]
    (step,) = outlook(statuses, holders.keys, holders.points, NOW).steps
    assert step == Show(removed, commit)
    holders.machines[removed].commit(commit)
    assert not holders.stores[removed].shares
    statuses = [Status(party, holders.stores[party].records[SHARING], True) for party in holders.parties]
    assert outlook(statuses, holders.keys, holders.points, NOW).settled
