"""This node's sealing keys: the manifest's, and those it has made since, one after each committed refresh.

An earlier private key is kept only while a contribution that is sealed to it waits in the inbox; then it is destroyed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.audit import Audit
from steelyard.documents.sealing_key import OF_MANIFEST, SealingKey
from steelyard.documents.signed import Signed, from_wire, sign, to_wire
from steelyard.errors import KeyReplaced
from steelyard.identity.keys import create_sealing_key, public_hex
from steelyard.storage.database import Database
from steelyard.vault.unit import Unit
from steelyard.vault.vault import Vault

_FILE: Final = "key"


class SealingKeys:
    """Callable from any thread; calls wait for the disk."""

    def __init__(
        self,
        party: str,
        consortium: str,
        signing: Ed25519PrivateKey,
        first: X25519PrivateKey,
        vault: Vault,
        database: Database,
        audit: Audit,
        now_ms: Callable[[], int],
    ) -> None:
        """`first` is the manifest's; a node without another makes one."""
        self._party = party
        self._consortium = consortium
        self._signing = signing
        self._first = first
        self._vault = vault
        self._database = database
        self._audit = audit
        self._now_ms = now_ms
        if self.newest is None:
            self.rotate()

    @property
    def newest(self) -> Signed | None:
        """What the node publishes."""
        row = self._database.one("SELECT document FROM sealing_key ORDER BY number DESC LIMIT 1")
        return None if row is None else from_wire(row[0])

    def private(self, number: int) -> X25519PrivateKey:
        """Raises KeyReplaced for a key that was replaced and destroyed, StoreFault for one that is damaged."""
        if number == OF_MANIFEST:
            return self._first
        if not self._vault.has(unit := _unit(number)):
            raise KeyReplaced(f"{self._party} has replaced the key that this is sealed to", party=self._party)
        return X25519PrivateKey.from_private_bytes(self._vault.read(unit, _FILE))

    def rotate(self) -> int:
        """Makes the next key and publishes it; its number.  What is sealed to those before is not opened for long."""
        key = create_sealing_key()
        with self._database.transaction():
            row = self._database.one("SELECT max(number) FROM sealing_key")
            number = ((row and row[0]) or OF_MANIFEST) + 1
            self._vault.create(unit := _unit(number))
            self._vault.write(unit, _FILE, [key.private_bytes_raw()])
            said = self._document(number, public_hex(key))
            signed = sign(said, self._party, self._signing)
            self._database.execute("INSERT INTO sealing_key VALUES (?, ?)", (number, to_wire(signed)))
            self._audit.record("sealing_key", {"number": number, "key": said.key}, now_ms=said.created_ms)
        return number

    def sweep(self, used: Collection[int]) -> None:
        """Destroys the private keys of earlier numbers that are not `used` any more."""
        newest = self._database.one("SELECT max(number) FROM sealing_key")
        kept = {*used, newest[0] if newest else OF_MANIFEST}
        for unit in self._vault.units(_KIND):
            if unit.name == _NAME and int(unit.version) not in kept:
                self._vault.destroy(unit)

    def _document(self, number: int, key: str) -> SealingKey:
        return SealingKey(
            consortium=self._consortium, party=self._party, key=key, number=number, created_ms=self._now_ms()
        )


_KIND: Final = "node"
_NAME: Final = "sealing"


def _unit(number: int) -> Unit:
    return Unit(_KIND, _NAME, str(number))
