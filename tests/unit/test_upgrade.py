"""A store of an older version: what lay open in its database is sealed at the first start, once."""

from __future__ import annotations

from pathlib import Path

from unit.vaults import Place

from node.computations import Computations
from node.datasets import keyed
from node.upgrade import seal_rows_of_before
from steelyard.documents.signed import Signed, to_wire
from steelyard.ids import PartyId

NOISE = bytes(range(32))
CONTENT = bytes(range(100, 132))
SIGNED = Signed(kind="request", payload=b"p", signer="analyst", signature=bytes(64))


def test_noise_keys_and_digests_are_sealed_once_and_still_found(tmp_path: Path) -> None:
    place = Place(tmp_path)
    database = place.database()
    database.execute(
        "INSERT INTO computations (id, digest, request, decision, received_ms, expires_ms, noise)"
        " VALUES ('ab', 'cd', ?, 'approved', 1, 2, ?)",
        (to_wire(SIGNED), NOISE),
    )
    database.execute("INSERT INTO dataset_version VALUES ('accounts', ?, 'v1')", (CONTENT,))
    database.close()
    assert NOISE in (tmp_path / "state" / "node.db").read_bytes()
    for _ in range(2):
        with place.opened() as vault:
            seal_rows_of_before(vault._database, vault)
            assert Computations(vault._database, vault, PartyId("bank-a")).get("ab").noise == NOISE
            found = vault._database.query("SELECT content FROM dataset_version")
            assert found == [(keyed(vault, CONTENT),)]
        stored = (tmp_path / "state" / "node.db").read_bytes()
        assert NOISE not in stored
        assert CONTENT not in stored
