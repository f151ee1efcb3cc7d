"""Whoever calls `SettleChange` does not fill a node's disk, and does not make it stale."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from protocols.vaults import NOW, SHARING, Holders, values

from steelyard.epochs.change import Change
from steelyard.epochs.record import REFUSALS
from steelyard.errors import Conflict, SteelyardError
from steelyard.randomness import token


def invented(holders: Holders) -> Change:
    return holders.change("refresh", holders.committee, holders.committee, holders.parties)


def test_refusals_of_changes_that_nobody_began_do_not_pile_up() -> None:
    """Each is signed, kept in the record, which is read and written whole, and told to all who ask."""
    holders = Holders(2, 3, values(3))
    machine = holders.machines[holders.parties[0]]
    for _ in range(100):
        with suppress(SteelyardError):
            machine.abort(invented(holders))
    assert len(machine.record(SHARING).refusals) < 50


def test_a_vote_that_others_wait_for_cannot_be_buried_under_votes_on_what_nobody_began() -> None:
    holders = Holders(2, 3, values(3))
    machine = holders.machines[holders.parties[0]]
    change = invented(holders)
    machine.start(change, NOW)
    vote = machine.abort(change)
    for _ in range(2 * REFUSALS):
        machine.abort(invented(holders))
    assert machine.record(SHARING).refusal(change) is None
    assert machine.abort(change) == vote
    assert machine.record(SHARING).refusal(change) == vote


def recovered(holders: Holders) -> str:
    party = holders.parties[0]
    store, commit = holders.stores[party], holders.commit
    assert commit is not None
    slot = commit.change.slot
    body, digest = store.shares[slot], store.digests[slot]
    store.records.clear(), store.claims.clear(), store.erase(slot)  # its disk is lost
    machine = holders.machines[party]
    machine.expect(commit)
    store.put(slot, body, digest)
    machine.recover(commit, digest)
    assert machine.record(SHARING).standing == "active"
    return party


def test_a_recovered_node_is_not_locked_by_a_change_that_nobody_began() -> None:
    holders = Holders(2, 3, values(3))
    party = recovered(holders)
    machine = holders.machines[party]
    with suppress(SteelyardError):
        machine.unlock(msgspec.structs.replace(invented(holders), attempt=token(16).hex(), expires_ms=NOW - 1), NOW)
    change = invented(holders)
    machine.start(change, NOW)


def test_a_vote_that_a_recovered_node_was_talked_into_does_not_make_it_stale() -> None:
    holders = Holders(2, 3, values(3))
    party = recovered(holders)
    machine = holders.machines[party]
    change = msgspec.structs.replace(invented(holders), expires_ms=NOW - 1)
    vote = machine.unlock(change, NOW)
    machine.notice([vote])
    assert machine.record(SHARING).standing == "active"


def test_a_recovered_node_stays_so_whatever_it_voted_before_its_disk_was_lost() -> None:
    """Its vote on the epoch that it has again says nothing new; one on another change makes it stale, but only once."""
    holders = Holders(2, 3, values(3))
    party = holders.parties[0]
    forgotten = holders.machines[party].abort(invented(holders))
    party = recovered(holders)
    machine, commit = holders.machines[party], holders.commit
    assert commit is not None
    machine.notice(commit.votes)
    assert machine.record(SHARING).standing == "active"
    machine.notice([forgotten])
    assert machine.record(SHARING).standing == "stale"
    machine.expect(commit)
    machine.recover(commit, commit.digests[party])
    machine.notice([forgotten])
    assert machine.record(SHARING).standing == "active"


def test_what_a_recovered_node_promised_for_a_change_it_does_not_know_is_kept() -> None:
    """It may have voted for that change before its disk was lost; others may have given up and count on its share."""
    holders = Holders(2, 3, values(3))
    party = recovered(holders)
    machine, base = holders.machines[party], holders.base
    machine.unlock(msgspec.structs.replace(invented(holders), expires_ms=NOW - 1), NOW)
    ran = holders.refresh()
    holders.settle(ran.change, ran.votes)
    assert machine.record(SHARING).base == ran.change.made
    assert holders.share_of(party, base) is not None
    ran = holders.refresh()
    holders.settle(ran.change, ran.votes)
    assert holders.share_of(party, base) is None


def test_a_change_of_other_holders_than_there_are_is_not_answered() -> None:
    holders = Holders(2, 3, values(3))
    change = invented(holders)
    other = msgspec.structs.replace(holders.committee, threshold=3)
    for lie in ({"old": other, "new": other, "liars": 0}, {"description": "00" * 32}):
        with pytest.raises(Conflict):
            holders.machines[holders.parties[0]].abort(msgspec.structs.replace(change, **lie))
