"""Contributions on disk: what has been handed in, and each node's ciphertext until that node has taken it.

Blocks, like `store`, whose database it shares.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from steelyard.documents.contribution import Bundle
from steelyard.documents.signed import Signed
from steelyard.errors import Conflict, Overloaded, SteelyardError
from steelyard.identity.contributors import Announced
from steelyard.rpc import codec, status
from steelyard.storage.database import Database
from steelyard.storage.parcels import Parcels
from steelyard.v1 import types_pb2


@dataclass(frozen=True, slots=True)
class Quota:
    """How much may wait: contributions of one sponsor, bytes of all of them."""

    contributions: int
    bytes: int

    def without(self, size: int) -> Quota:
        """What is left after one more contribution; raises Overloaded when it does not fit."""
        if self.contributions < 1:
            raise Overloaded("as many contributions of this sponsor as there may be wait for nodes: try again later")
        if self.bytes < size:
            raise Overloaded("the contributions that wait for nodes fill the room there is: try again later")
        return Quota(self.contributions - 1, self.bytes - size)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One node's share of a contribution; `failure` says why it was refused."""

    party: str
    state: str
    failure: SteelyardError | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A contribution as its sponsor sees it."""

    id: str
    header: Signed
    received_ms: int
    deliveries: tuple[Delivery, ...]


class Contributions:
    """`parties` are the manifest's, in order."""

    def __init__(self, database: Database, folder: Path, parties: Sequence[str]) -> None:
        self._database = database
        self._parties = tuple(parties)
        files = database.query("SELECT file FROM deliveries WHERE file IS NOT NULL")
        self._parcels = Parcels(folder, {name for (name,) in files})

    def add_all(self, sponsor: str, checked: Sequence[tuple[Announced, Bundle]], quota: Quota, now_ms: int) -> None:
        """Stores a sponsor's checked contributions, all of them or none; one that is here already is left alone.

        Raises Conflict for another one under its id, or another sponsor's contributor of that name, Overloaded, and
        Failed for a full disk.
        """
        made: list[str | None] = []
        try:
            with self._database.transaction():
                left = self._room(sponsor, quota)
                for announced, bundle in checked:
                    if not self._known(announced):
                        left = left.without(bundle.size)
                        self._add(announced, bundle, now_ms, made)
        except BaseException:
            self._parcels.remove(made)
            raise

    def waiting(self, party: str, count: int, size: int) -> list[tuple[str, Bundle]]:
        """The oldest contributions whose shares wait for this node: at most `count`, and about `size` bytes."""
        rows = self._database.query(
            "SELECT c.id, c.registration, c.header, d.size FROM deliveries d JOIN contributions c"
            " ON c.id = d.contribution WHERE d.party = ? AND d.state = 'waiting'"
            " ORDER BY c.received_ms, c.rowid LIMIT ?",
            (party, count),
        )
        found: list[tuple[str, Bundle]] = []
        taken = 0
        for identifier, registration, header, length in rows:
            if found and taken + length > size:
                break
            taken += length
            found.append((identifier, Bundle(_signed(registration), _signed(header), self._parts(identifier, party))))
        return found

    def settle(self, party: str, outcomes: Iterable[tuple[str, SteelyardError | None]]) -> None:
        """What the node said: it has taken a share, or why not.  Its ciphertext goes in either case."""
        gone: list[str | None] = []
        with self._database.transaction():
            for identifier, failure in outcomes:
                said = None if failure is None else status.failure_to_proto(failure).SerializeToString()
                self._end(identifier, party, "taken" if failure is None else "refused", said, gone)
        self._parcels.remove(gone)

    def expire(self, now_ms: int, forget_ms: int) -> int:
        """Ends what waits beyond its date, and forgets contributions that expired before `forget_ms`."""
        rows = self._database.query(
            "SELECT d.contribution, d.party FROM deliveries d JOIN contributions c ON c.id = d.contribution"
            " WHERE d.state = 'waiting' AND c.expires_ms <= ?",
            (now_ms,),
        )
        gone: list[str | None] = []
        with self._database.transaction():
            for identifier, party in rows:
                self._end(identifier, party, "expired", None, gone)
            self._database.execute("DELETE FROM contributions WHERE expires_ms < ?", (forget_ms,))
        self._parcels.remove(gone)
        return len(rows)

    def page(self, sponsor: str, before: tuple[int, str], size: int) -> list[Stored]:
        """The sponsor's contributions older than `before` (milliseconds, id), newest first, at most `size`."""
        rows = self._database.query(
            "SELECT id, header, received_ms FROM contributions WHERE sponsor = ? AND (received_ms, id) < (?, ?)"
            " ORDER BY received_ms DESC, id DESC LIMIT ?",
            (sponsor, *before, size),
        )
        return [
            Stored(identifier, _signed(header), at, self._deliveries(identifier)) for identifier, header, at in rows
        ]

    def _add(self, announced: Announced, bundle: Bundle, now_ms: int, made: list[str | None]) -> None:
        self._require_name(announced, now_ms)
        self._insert(announced, bundle, now_ms)
        for party in self._parties:
            self._insert_share(announced.header.id, party, bundle.parts[party], made)

    def _known(self, announced: Announced) -> bool:
        row = self._database.one("SELECT header FROM contributions WHERE id = ?", (announced.header.id,))
        if row is not None and _signed(row[0]).digest != announced.digest:
            raise Conflict("this contribution id was used for another contribution")
        return row is not None

    def _room(self, sponsor: str, quota: Quota) -> Quota:
        """What is left of the quota."""
        waiting = self._database.query(
            "SELECT count(DISTINCT c.id) FROM deliveries d JOIN contributions c ON c.id = d.contribution"
            " WHERE d.state = 'waiting' AND c.sponsor = ?",
            (sponsor,),
        )[0][0]
        stored = self._database.query("SELECT coalesce(sum(size), 0) FROM deliveries WHERE state = 'waiting'")[0][0]
        return Quota(quota.contributions - waiting, quota.bytes - stored)

    def _require_name(self, announced: Announced, now_ms: int) -> None:
        """A contributor has one sponsor at a time, or one firm could replace another's data."""
        who = announced.contributor
        other = self._database.one(
            "SELECT sponsor FROM contributions WHERE contributor = ? AND sponsor != ? AND expires_ms > ?",
            (who.id, who.sponsor, now_ms),
        )
        if other is not None:
            raise Conflict(f"another sponsor has a contributor named {who.id}: choose another name")

    def _insert(self, announced: Announced, bundle: Bundle, now_ms: int) -> None:
        header, documents = announced.header, (bundle.registration, bundle.header)
        registration, signed = (codec.signed_to_proto(each).SerializeToString() for each in documents)
        self._database.execute(
            "INSERT INTO contributions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                header.id,
                announced.contributor.sponsor,
                header.contributor,
                registration,
                signed,
                now_ms,
                min(header.expires_ms, announced.contributor.expires_ms),
            ),
        )

    def _insert_share(self, identifier: str, party: str, ciphertext: bytes, made: list[str | None]) -> None:
        self._database.execute(
            "INSERT INTO deliveries VALUES (?, ?, 'waiting', NULL, ?, ?, ?)",
            (identifier, party, len(ciphertext), *self._parcels.put(ciphertext, made)),
        )

    def _end(self, identifier: str, party: str, state: str, failure: bytes | None, gone: list[str | None]) -> None:
        row = self._database.one(
            "SELECT file FROM deliveries WHERE contribution = ? AND party = ? AND state = 'waiting'",
            (identifier, party),
        )
        if row is None:
            return
        gone += [row[0]] if row[0] else []
        self._database.execute(
            "UPDATE deliveries SET state = ?, failure = ?, size = 0, ciphertext = NULL, file = NULL"
            " WHERE contribution = ? AND party = ?",
            (state, failure, identifier, party),
        )

    def _parts(self, identifier: str, party: str) -> dict[str, bytes]:
        row = self._database.one(
            "SELECT ciphertext, file FROM deliveries WHERE contribution = ? AND party = ?", (identifier, party)
        )
        return {party: self._parcels.get(row or (None, None))}

    def _deliveries(self, identifier: str) -> tuple[Delivery, ...]:
        rows = self._database.query(
            "SELECT party, state, failure FROM deliveries WHERE contribution = ?", (identifier,)
        )
        found = {party: Delivery(party, state, _failure(failure)) for party, state, failure in rows}
        return tuple(found[party] for party in self._parties if party in found)


def _signed(data: bytes) -> Signed:
    return codec.signed_from_proto(types_pb2.SignedDocument.FromString(data))


def _failure(data: bytes | None) -> SteelyardError | None:
    return status.failure_from_proto(types_pb2.Failure.FromString(data)) if data else None
