"""A node that began an attempt can give it up, on SQLite and the vault as well as in the tests' memory."""

from __future__ import annotations

from pathlib import Path

from protocols.vaults import NOW, SHARING, Holders, values
from unit.vaults import Place

from node.sharings import Sharings
from steelyard.epochs.machine import Machine


def test_a_begun_attempt_is_aborted_on_the_disk(tmp_path: Path) -> None:
    holders = Holders(2, 3, values(3))
    party = holders.parties[0]
    with Place(tmp_path).opened() as vault:
        store = Sharings(vault._database, vault)
        store.save(holders.stores[party].records[SHARING])
        store.put(holders.commit.change.slot, holders.share_of(party), "77" * 32)
        machine = Machine(party, holders.signing[party], holders.keys, holders.points, store)
        change = holders.change("refresh", holders.committee, holders.committee, holders.parties)
        machine.start(change, NOW)
        machine.abort(change)  # as every protocol does when anything goes wrong
        assert machine.record(SHARING).undecided is None


def test_a_node_that_was_killed_in_an_attempt_starts_again(tmp_path: Path) -> None:
    holders = Holders(2, 3, values(3))
    party = holders.parties[0]
    with Place(tmp_path).opened() as vault:
        store = Sharings(vault._database, vault)
        store.save(holders.stores[party].records[SHARING])
        store.put(holders.commit.change.slot, holders.share_of(party), "77" * 32)
        machine = Machine(party, holders.signing[party], holders.keys, holders.points, store)
        machine.start(holders.change("refresh", holders.committee, holders.committee, holders.parties), NOW)
        machine.sweep(SHARING)  # what `Changes` does at every start
        assert machine.record(SHARING).undecided is None
