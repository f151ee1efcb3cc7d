"""What a killed node has to finish at its next start it finishes for every sharing, also where it holds nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
from protocols.vaults import NOW, POOL, SHARING, Holders, values
from unit.vaults import Place

from node.changes import Changes
from node.sharings import Sharings
from steelyard.epochs.change import NOTHING
from steelyard.epochs.machine import Machine
from steelyard.epochs.record import Generation
from steelyard.vault.vault import Vault

AUDIT = SimpleNamespace(record=lambda *_, **__: None)


def started(holders: Holders, party: str, vault: Vault) -> tuple[Machine, Sharings]:
    store = Sharings(vault._database, vault)
    machine = Machine(party, holders.signing[party], holders.keys, holders.points, store)
    Changes(party, machine, store, holders.keys, AUDIT, lambda: NOW)  # type: ignore[arg-type]
    return machine, store


def test_a_holder_that_left_and_was_killed_before_it_erased_its_share_erases_it_then(tmp_path: Path) -> None:
    holders = Holders(2, 3, values(3))
    party, slot = holders.parties[0], holders.commit.change.slot
    with Place(tmp_path).opened() as vault:
        store = Sharings(vault._database, vault)
        store.describe(POOL)
        store.put(slot, holders.share_of(party), "77" * 32)
        record = holders.stores[party].records[SHARING]
        after = msgspec.structs.replace(holders.commit.change.made, epoch=2, attempt="ab" * 16)
        gone = Generation(after, holders.committee, holders.commit)
        store.save(msgspec.structs.replace(record, standing="empty", active=gone))  # `commit.saved`, then killed
        _, store = started(holders, party, vault)
        assert not store.held(SHARING)


def test_a_creation_that_was_begun_and_killed_is_given_up_at_the_start(tmp_path: Path) -> None:
    holders = Holders(2, 3, values(3))
    party = holders.parties[0]
    change = msgspec.structs.replace(
        holders.change("share", None, holders.committee, holders.parties),
        base=NOTHING, description=POOL.digest.hex(), sharing=POOL.id,
    )  # fmt: skip
    with Place(tmp_path).opened() as vault:
        machine, store = started(holders, party, vault)
        store.describe(POOL)
        machine.start(change, NOW)
        store.put(change.slot, values(3), "77" * 32)
        machine, store = started(holders, party, vault)  # it was killed, and is back
        assert machine.record(POOL.id).undecided is None
        assert not store.held(POOL.id)
