"""What this node was asked, what it said, and the sealed results it made: a replay meets the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from node.keyring import OWN
from steelyard import records
from steelyard.documents.sealed_result import CountedSignature, SealedResult
from steelyard.documents.signed import Signed, from_wire, to_wire
from steelyard.errors import NotFound, SteelyardError, by_reason
from steelyard.ids import PartyId
from steelyard.randomness import token
from steelyard.storage.database import Database, Row
from steelyard.vault.vault import Vault

Decision = Literal["approved", "pending", "refused"]
KEPT_MS: Final = 30 * 24 * 3600 * 1000  # after expiry


@dataclass(frozen=True, slots=True)
class Recorded:
    """One computation as this node remembers it.  `noise` keys its noise stream, the same at every attempt."""

    id: str
    request: Signed = field(repr=False)
    decision: Decision
    failure: SteelyardError | None
    received_ms: int
    noise: bytes = field(repr=False, default_factory=token)


class _Refusal(msgspec.Struct):
    reason: str
    message: str


class _Sealed(msgspec.Struct):
    note: bytes
    certificate: tuple[tuple[str, bytes], ...]


class Computations:
    """Rows in the node's database; a result is held in memory before, since one lost in a crash is computed again."""

    def __init__(self, database: Database, vault: Vault, party: PartyId) -> None:
        self._database = database
        self._vault = vault
        self._party = party
        self._results: dict[str, SealedResult] = {}

    def find(self, computation: str) -> Recorded | None:
        row = self._database.one(f"{_SELECT} WHERE id = ?", (computation,))
        return None if row is None else self._recorded(row)

    def waits(self, computation: str, now_ms: int) -> bool:
        """Whether an attempt at it may still come: there is no result on the disk, and the request holds."""
        waiting = "SELECT 1 FROM computations WHERE id = ? AND sealed IS NULL AND expires_ms >= ?"
        return self._database.one(waiting, (computation, now_ms)) is not None

    def get(self, computation: str) -> Recorded:
        """Raises NotFound."""
        found = self.find(computation)
        if found is None:
            raise NotFound(f"{self._party} was never asked for this computation")
        return found

    def list(self, *, pending_only: bool, limit: int = 1000) -> Sequence[Recorded]:
        """Newest first."""
        where = "WHERE decision = 'pending'" if pending_only else ""
        return [
            self._recorded(row)
            for row in self._database.query(f"{_SELECT} {where} ORDER BY received_ms DESC LIMIT ?", (limit,))
        ]

    def record(self, recorded: Recorded, expires_ms: int) -> bool:
        """The first word on a computation, or the last on one that was pending; anything else changes nothing.

        Returns whether it did.
        """
        failure, request = recorded.failure, recorded.request
        refusal = msgspec.json.encode(_Refusal(failure.reason, failure.message)) if failure else None
        changed = self._database.execute(
            "INSERT INTO computations (id, digest, request, decision, failure, received_ms, expires_ms, noise)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET decision = excluded.decision, failure = excluded.failure"
            " WHERE decision = 'pending' AND digest = excluded.digest",
            (
                recorded.id,
                request.digest.hex(),
                to_wire(request),
                recorded.decision,
                refusal,
                recorded.received_ms,
                expires_ms,
                seal_noise(self._vault, recorded.id, recorded.noise),
            ),
        )
        return changed > 0

    @property
    def held(self) -> dict[str, SealedResult]:
        """Results that are not on disk yet."""
        return dict(self._results)

    def hold(self, computation: str, result: SealedResult) -> None:
        """Keeps the sealed result in memory, until `store` and `release`."""
        self._results[computation] = result

    def store(self, computation: str, result: SealedResult) -> None:
        """Puts a result on disk."""
        certificate = tuple((each.signer, each.signature) for each in result.certificate)
        sealed = msgspec.json.encode(_Sealed(to_wire(result.note), certificate))
        self._database.execute(
            "UPDATE computations SET sealed = ?, ciphertext = ? WHERE id = ?", (sealed, result.ciphertext, computation)
        )

    def release(self, stored: dict[str, SealedResult]) -> None:
        """Lets go of results that are on disk now, unless a newer one has taken their place."""
        for computation, result in stored.items():
            if self._results.get(computation) is result:
                del self._results[computation]

    def has_result(self, computation: str) -> bool:
        found = "SELECT 1 FROM computations WHERE id = ? AND sealed IS NOT NULL"
        return computation in self._results or self._database.one(found, (computation,)) is not None

    def result(self, computation: str) -> SealedResult:
        """Raises NotFound."""
        if held := self._results.get(computation):
            return held
        row = self._database.one("SELECT sealed, ciphertext FROM computations WHERE id = ?", (computation,))
        if row is None or row[0] is None:
            raise NotFound(f"{self._party} has no result of this computation")
        sealed = records.from_json(row[0], _Sealed)
        certificate = tuple(CountedSignature(signer, signature) for signer, signature in sealed.certificate)
        return SealedResult(self._party, from_wire(sealed.note), certificate, row[1])

    def _recorded(self, row: Row) -> Recorded:
        computation, request, decision, failure, received_ms, noise = row
        error = None
        if failure is not None:
            refusal = records.from_json(failure, _Refusal)
            error = by_reason(refusal.reason)(refusal.message)
        opened = self._vault.unseal(OWN, f"noise/{computation}", noise)
        return Recorded(computation, from_wire(request), decision, error, received_ms, opened)

    def purge(self, now_ms: int) -> None:
        """Forgets what expired long ago: an expired request is refused by its date alone."""
        self._database.execute("DELETE FROM computations WHERE expires_ms < ?", (now_ms - KEPT_MS,))


_SELECT: Final = "SELECT id, request, decision, failure, received_ms, noise FROM computations"


def seal_noise(vault: Vault, computation: str, noise: bytes) -> bytes:
    """For the row of this computation and no other."""
    return vault.seal(OWN, f"noise/{computation}", noise)
