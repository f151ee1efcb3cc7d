"""What survives a crash: computations, their sealed results and transitions, and what the parties last described.

Blocks; `registry` calls it from one thread of its own, so writes keep their order.

What must be on disk before what?  Only two things: a computation before its creation is confirmed, and a set of
participants that is not the whole consortium before they start (they may sign it as the input set).  Everything else
can be found out again from the nodes, which keep sealed results and decisions themselves; so a computation costs two
commits, one of them beside the work and one after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from coordinator.computation import Computation, Progress, in_order
from coordinator.lifecycle import ENDED, State
from steelyard import records
from steelyard.documents.request import Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import read
from steelyard.rpc import codec, status
from steelyard.storage.database import Database
from steelyard.v1 import node_pb2, types_pb2

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_COLUMNS: Final = "request, state, created_ms, updated_ms, attempts, fixed, parties, failure"
_ENDED: Final = ", ".join(f"'{state}'" for state in sorted(ENDED))


class Store:
    """`parties` are the manifest's, in order."""

    def __init__(self, path: Path, parties: Sequence[str]) -> None:
        self.database: Final = Database(path, MIGRATIONS)
        self._parties = tuple(parties)

    def close(self) -> None:
        self.database.close()

    def create(self, computation: Computation) -> None:
        """As PROPOSED, whatever it has become since: this runs beside its task."""
        request = codec.signed_to_proto(computation.signed).SerializeToString()
        created = computation.created_ms
        with self.database.transaction():
            self.database.execute(
                "INSERT INTO computations VALUES (?, ?, ?, ?, ?, ?, 0, '[]', '{}', NULL)",
                (computation.id, computation.requester, request, State.PROPOSED, created, created),
            )
            self._add_events(computation.id, [(created, State.PROPOSED)])

    def save(self, computation: Computation) -> None:
        """Everything that changed, in one transaction; results once it is DONE."""
        events = tuple(computation.unsaved)
        with self.database.transaction():
            self._update(computation)
            self._add_events(computation.id, events)
            if computation.state is State.DONE:
                for result in computation.results.values():
                    self._add_result(computation.id, result)
        del computation.unsaved[: len(events)]

    def get(self, computation: str) -> Computation | None:
        rows = self._select("WHERE id = ?", (computation,))
        return rows[0] if rows else None

    def unfinished(self) -> list[Computation]:
        return self._select(f"WHERE state NOT IN ({_ENDED}) ORDER BY created_ms", ())

    def page(self, requester: str, before: tuple[int, str], size: int) -> list[Computation]:
        """The requester's computations older than `before` (milliseconds, id), newest first, at most `size`."""
        clause = "WHERE requester = ? AND (created_ms, id) < (?, ?) ORDER BY created_ms DESC, id DESC LIMIT ?"
        return self._select(clause, (requester, *before, size))

    def results(self, computation: str) -> Iterable[SealedResult]:
        """In the manifest's order, read one at a time: each may have many megabytes."""
        for party in self._parties:
            row = self.database.one(
                "SELECT head, ciphertext FROM results WHERE computation = ? AND party = ?", (computation, party)
            )
            if row is not None:
                yield _result(party, *row)

    def purge(self, before_ms: int) -> int:
        """Forgets what ended before that time, results and all; returns how many."""
        with self.database.transaction():
            return self.database.execute(
                f"DELETE FROM computations WHERE state IN ({_ENDED}) AND updated_ms < ?",  # our constants
                (before_ms,),
            )

    def describe(self, party: str, seen_ms: int, description: node_pb2.DescribeResponse) -> None:
        self.database.execute(
            "INSERT INTO parties (party, seen_ms, description) VALUES (?, ?, ?)"
            " ON CONFLICT (party) DO UPDATE SET seen_ms = excluded.seen_ms, description = excluded.description",
            (party, seen_ms, description.SerializeToString()),
        )

    def described(self) -> dict[str, tuple[int, node_pb2.DescribeResponse]]:
        rows = self.database.query("SELECT party, seen_ms, description FROM parties")
        return {party: (seen, node_pb2.DescribeResponse.FromString(text)) for party, seen, text in rows}

    def _update(self, computation: Computation) -> None:
        failure = status.failure_to_proto(computation.failure).SerializeToString() if computation.failure else None
        progress = {party: [each.state, each.step] for party, each in computation.parties.items()}
        self.database.execute(
            "UPDATE computations SET state = ?, updated_ms = ?, attempts = ?, fixed = ?, parties = ?, failure = ?"
            " WHERE id = ?",
            (
                computation.state,
                computation.updated_ms,
                computation.attempts,
                _json(computation.fixed),
                _json(progress),
                failure,
                computation.id,
            ),
        )

    def _add_events(self, computation: str, events: Iterable[tuple[int, State]]) -> None:
        for time_ms, state in events:
            self.database.execute("INSERT INTO events VALUES (?, ?, ?)", (computation, time_ms, state))

    def _add_result(self, computation: str, result: SealedResult) -> None:
        head = types_pb2.ResultChunk(
            note=codec.signed_to_proto(result.note), certificate=codec.certificate_to_proto(result.certificate)
        )
        self.database.execute(
            "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)",
            (computation, result.party, head.SerializeToString(), result.ciphertext),
        )

    def _select(self, clause: str, values: Sequence[Any]) -> list[Computation]:
        rows = self.database.query(f"SELECT {_COLUMNS} FROM computations {clause}", values)  # constants
        return [self._computation(*row) for row in rows]

    def _computation(
        self, request: bytes, state: str, created: int, updated: int, attempts: int, *rest: Any
    ) -> Computation:
        fixed, parties, failure = rest
        signed = codec.signed_from_proto(types_pb2.SignedDocument.FromString(request))
        progress = {party: Progress(*each) for party, each in records.from_json(parties).items()}
        return Computation(
            signed=signed,
            request=read(Request, signed.payload),
            created_ms=created,
            parties=in_order(self._parties, progress),
            state=State(state),
            updated_ms=updated,
            failure=status.failure_from_proto(types_pb2.Failure.FromString(failure)) if failure else None,
            attempts=attempts,
            fixed=tuple(records.from_json(fixed)),
        )


def _result(party: str, head: bytes, ciphertext: bytes) -> SealedResult:
    first = types_pb2.ResultChunk.FromString(head)
    note, certificate = codec.signed_from_proto(first.note), codec.certificate_from_proto(first.certificate)
    return SealedResult(party, note, certificate, ciphertext)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
