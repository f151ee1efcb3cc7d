"""Changes of stored sharings at this node: begins them, votes, hears how they end, and says where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Condition
from typing import Final

import structlog

from node.audit import Audit
from node.sharings import Sharings
from steelyard.documents.signed import Signed
from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Certificate, Commit, Keys, decide
from steelyard.epochs.change import Change
from steelyard.epochs.crash_points import Hook, pass_by
from steelyard.epochs.machine import Machine
from steelyard.epochs.settlement import Ask, Show, Status
from steelyard.errors import Conflict, Failed, Invalid, SteelyardError
from steelyard.field import Vector, from_bytes

DECISION_SECONDS: Final = 20.0  # that a change waits for votes which did not reach this node

log = structlog.get_logger(__name__)


class Changes:
    """One per node; callable from any thread, one thing at a time."""

    def __init__(
        self,
        party: str,
        machine: Machine,
        sharings: Sharings,
        keys: Keys,
        audit: Audit,
        now_ms: Callable[[], int],
        after: Callable[[Change, Stored], None] = lambda change, stored: None,
        crash_point: Hook = pass_by,
    ) -> None:
        """`after` is called when a change has been committed here; it may wait for the disk."""
        self.sharings: Final = sharings
        self.party: Final = party
        self._machine = machine
        self._keys = keys
        self._audit = audit
        self._now_ms = now_ms
        self._after = after
        self._crash_point = crash_point
        self._refused_after = -1  # the erasure after which no new keys could be had
        self._stopped = False
        self._turn = Condition()
        for sharing in sharings.known():
            machine.sweep(sharing)
        sharings.sweep()

    def begin(self, change: Change, stored: Stored) -> OneChange:
        """Before the first message of a change leaves; raises Conflict or Invalid, and nothing has changed then."""
        if bytes.fromhex(change.description) != stored.digest:
            raise Invalid("this change is of another sharing than is described")
        with self._turn:
            self.sharings.describe(stored, new=change.old is None)
            self._machine.start(change, self._now_ms())
            self._note("change_begun", change)
        return OneChange(self, change)

    def statuses(self) -> list[tuple[Stored, Status]]:
        """Where this node stands with everything it has heard of."""
        with self._turn:
            return [
                (shelf.stored, Status(self.party, shelf.record, self.sharings.is_sound(shelf.record)))
                for shelf in self.sharings.list(every=True)
            ]

    def take(self, step: Show | Ask, votes: Iterable[Signed]) -> Status:
        """What somebody shows or asks, whoever it is.  Raises Refused or Cheated where it proves nothing."""
        with self._turn:
            self._machine.notice(votes)
            if isinstance(step, Show):
                self._show(step.certificate)
                sharing = step.certificate.change.sharing
            else:
                self._ask(step)
                sharing = step.change.sharing
            record = self._machine.record(sharing)
            return Status(self.party, record, self.sharings.is_sound(record))

    def _ask(self, step: Ask) -> None:
        if step.what == "unlock":
            self._machine.unlock(step.change, self._now_ms(), step.refused)
        else:
            self._machine.abort(step.change)
        self._turn.notify_all()

    def _show(self, certificate: Certificate) -> None:
        before = self._machine.record(certificate.change.sharing)
        if isinstance(certificate, Commit):
            self._machine.commit(certificate)
        else:
            self._machine.abandon(certificate)
        if self._machine.record(certificate.change.sharing) != before:
            event = "change_committed" if isinstance(certificate, Commit) else "change_abandoned"
            self._note(event, certificate.change)
            stored = self.sharings.described(certificate.change.sharing)
            if isinstance(certificate, Commit) and stored:
                self._after(certificate.change, stored)
        self._turn.notify_all()

    # What a protocol asks of one change.

    def stage(self, change: Change, share: Vector, hashed: str) -> None:
        self._crash_point("stage.before")
        self.sharings.put(change.slot, share, hashed)
        self._crash_point("stage.durable")

    def prepare(self, change: Change, transcript: str, checks: str, share: str) -> Signed:
        with self._turn:
            return self._machine.prepare(change, transcript, checks, share)

    def abort(self, change: Change) -> None:
        with self._turn:
            self._machine.abort(change)
            self._turn.notify_all()

    def conclude(self, change: Change, votes: Iterable[Signed]) -> None:
        """Returns when the change is committed here; raises Failed when it is given up, or cannot be decided yet."""
        certificate = decide(change, votes, self._keys)
        if isinstance(certificate, Commit):
            with self._turn:
                self._show(certificate)
        with self._turn:
            self._turn.wait_for(lambda: self._stopped or not self._is_open(change), DECISION_SECONDS)
            record = self._machine.record(change.sharing)
        if self._is_open(change):
            told = (
                "not all nodes have voted on the change yet: it is decided when they answer again, and nothing is lost"
            )
            raise Failed(f"{told}; `steelyard sharing list` shows whether it is still undecided")
        stands = record.base == change.made or self.party not in change.new.points
        if not stands or record.gave_up(change):
            raise Failed("the change was given up: everything is as it was before")

    # Giving a lost share back, and giving all up.

    def expect(self, certificate: Commit, stored: Stored) -> None:
        """Before my share of the epoch that the certificate made is rebuilt."""
        with self._turn:
            self.sharings.describe(stored)
            self._machine.expect(certificate)

    def restore(self, certificate: Commit, share: Vector, hashed: str) -> None:
        """My share is rebuilt; what may lie in its place was lost, or is wrong."""
        self.sharings.put(certificate.change.slot, share, hashed)
        with self._turn:
            self._machine.recover(certificate, hashed)
            self._note("share_recovered", certificate.change)

    def forget(self, stored: Stored) -> None:
        """Erases the share, for good."""
        with self._turn:
            self.sharings.forget(stored.id)
            fields = {"sharing": stored.id, "name": stored.name}
            self._audit.record("sharing_forgotten", fields, now_ms=self._now_ms())

    def stop(self) -> None:
        """Nobody waits any more for a decision; the next start goes on."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()

    def renew_keys(self) -> None:
        """After an erasure: a KEK that no earlier copy of the key file opens; what is not done now is at the next call.

        Never raises.
        """
        erased = self.sharings.erased()
        if erased <= max(self._refused_after, 0):
            return
        try:
            rotation = self.sharings.rotate(erased)
        except SteelyardError as error:
            if not isinstance(error, Failed):  # what is refused now would be again
                self._refused_after = erased
            log.error("keys_not_rotated", reason=error.reason, problem=error.message)
        else:
            log.info("keys_rotated", rewrapped=rotation.rewrapped, retired=list(rotation.retired))

    def _is_open(self, change: Change) -> bool:
        undecided = self._machine.record(change.sharing).undecided
        return undecided is not None and undecided.change == change

    def _note(self, event: str, change: Change) -> None:
        fields = {"sharing": change.sharing, "kind": change.kind, "epoch": change.made.epoch, "attempt": change.attempt}
        self._audit.record(event, fields, now_ms=self._now_ms())
        log.info(event, **fields)


@dataclass(frozen=True, slots=True)
class OneChange:
    """A `Ballot`: one change, as its protocol sees the node."""

    changes: Changes
    change: Change

    def stage(self, share: bytes, digest: str) -> None:
        self.changes.stage(self.change, from_bytes(share, len(share) // 8), digest)

    def prepare(self, transcript: str, checks: str, share: str) -> Signed:
        return self.changes.prepare(self.change, transcript, checks, share)

    def abort(self) -> None:
        """Never raises: what cannot be aborted any more was prepared, and is decided by all votes."""
        try:
            self.changes.abort(self.change)
        except Conflict:
            return

    def conclude(self, votes: Iterable[Signed]) -> None:
        self.changes.conclude(self.change, votes)
