"""A share whose file is gone or damaged is lost, though its row is there; a recovery gives it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from protocols.vaults import POOL, SHARING, Holders, values
from unit.vaults import Place, flip

from node.inputs import offer
from node.sharings import Sharings
from steelyard.epochs.change import Slot
from steelyard.functions.catalogue import question
from steelyard.functions.shelves import epoch_digest
from steelyard.privacy.policy import Policy

NO_DATA: Any = None
SLOT = Slot(SHARING, 1, "ab" * 16)


@pytest.mark.parametrize("damage", ["gone", "bit"])
def test_a_recovered_share_is_written_in_place_of_a_lost_file(tmp_path: Path, damage: str) -> None:
    place, share = Place(tmp_path), values(5)
    with place.opened() as vault:
        store = Sharings(vault._database, vault)
        store.put(SLOT, share, "77" * 32)
        for file in place.files:
            file.unlink() if damage == "gone" else flip(file, 200)
        store.put(SLOT, share, "77" * 32)  # what `restore` does when the others have rebuilt it
        assert store.vector(SLOT).tolist() == share.tolist()


def test_a_share_without_its_file_is_not_called_durable(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.opened() as vault:
        store = Sharings(vault._database, vault)
        store.put(SLOT, values(5), "77" * 32)
        for file in place.files:
            file.unlink()
        assert not store.digest(SLOT)


def test_who_has_lost_its_share_offers_no_help_in_another_s_recovery(tmp_path: Path) -> None:
    holders, place = Holders(2, 3, values(5)), Place(tmp_path)
    party, commit = holders.parties[0], holders.commit
    recovery = question("recover", {"dataset": "@pool", "party": holders.parties[1]})
    with place.opened() as vault:
        store = Sharings(vault._database, vault)
        store.describe(POOL)
        store.save(holders.stores[party].records[SHARING])
        store.put(commit.change.slot, holders.share_of(party), "77" * 32)

        def offered() -> str:
            return offer(NO_DATA, store, Policy(functions=("recover",), requesters=("analyst",)), recovery).stored

        assert offered() == epoch_digest(POOL, commit.change.made)
        for file in place.files:
            file.unlink()
        assert not offered()
