"""Whatever erases a share is followed by a new KEK: a backup from before and today's key file open nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from protocols.vaults import NOW, POOL, SHARING, Holders, values
from unit.vaults import Place

from node.changes import Changes
from node.sharings import Sharings
from steelyard.epochs.machine import Machine
from steelyard.vault.vault import Vault

AUDIT = SimpleNamespace(record=lambda *_, **__: None)


def started(holders: Holders, vault: Vault) -> tuple[Changes, Machine, Sharings]:
    party = holders.parties[0]
    store = Sharings(vault._database, vault)
    machine = Machine(party, holders.signing[party], holders.keys, holders.points, store)
    return Changes(party, machine, store, holders.keys, AUDIT, lambda: NOW), machine, store  # type: ignore[arg-type]


@pytest.fixture
def holders(monkeypatch: pytest.MonkeyPatch) -> Holders:
    return Holders(2, 3, values(3))


def test_a_forgotten_sharing_is_not_opened_from_a_backup(tmp_path: Path, holders: Holders) -> None:
    with Place(tmp_path).opened() as vault:
        changes, _, store = started(holders, vault)
        store.describe(POOL)
        store.put(holders.commit.change.slot, holders.share_of(holders.parties[0]), "77" * 32)
        store.save(holders.stores[holders.parties[0]].records[SHARING])
        before = vault.status().current
        changes.forget(POOL)
        changes.renew_keys()
        assert vault.status().current != before


def test_a_node_that_was_killed_between_commit_and_new_keys_makes_them_when_it_is_back(
    tmp_path: Path, holders: Holders
) -> None:
    party = holders.parties[0]
    ran = holders.refresh()
    with Place(tmp_path).opened() as vault:
        changes, machine, store = started(holders, vault)
        store.describe(POOL)
        store.put(holders.commit.change.slot, holders.share_of(party), "77" * 32)
        store.save(holders.stores[party].records[SHARING])  # prepared, not decided
        store.put(ran.change.slot, holders.share_of(party, ran.change.made), "78" * 32)
        before = vault.status().current
        machine.commit(holders.settle(ran.change, ran.votes))
        changes, _, _ = started(holders, vault)  # killed at `commit.saved`, and back
        changes.renew_keys()
        assert machine.record(SHARING).base == ran.change.made
        assert vault.status().current != before
