"""Two sharings never have one name, whoever was first to begin."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from protocols.vaults import NOW, POOL, Holders, values
from unit.vaults import Place

from node.sharings import Sharings
from steelyard.epochs.change import NOTHING
from steelyard.epochs.machine import Machine
from steelyard.errors import Conflict


def test_a_name_is_taken_from_the_moment_a_sharing_is_begun(tmp_path: Path) -> None:
    """Somebody else's request under the name, with an id that sorts before, would answer for it from then on."""
    holders = Holders(2, 3, values(3))
    party = holders.parties[0]
    with Place(tmp_path).opened() as vault:
        store = Sharings(vault._database, vault)
        machine = Machine(party, holders.signing[party], holders.keys, holders.points, store)
        first = holders.change("share", None, holders.committee, holders.parties)
        first = msgspec.structs.replace(first, base=NOTHING, description=POOL.digest.hex())
        store.describe(POOL)
        machine.start(first, NOW)
        with pytest.raises(Conflict):
            store.describe(msgspec.structs.replace(POOL, id="00" * 16))
