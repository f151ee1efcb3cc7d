"""A share whose file is gone or damaged is lost, though its row is there; a recovery gives it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from protocols.vaults import SHARING, values
from unit.vaults import Place, flip

from node.sharings import Sharings
from steelyard.epochs.change import Slot

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
