"""Voting on a change: my new share is made durable, then everybody hears everybody's vote.

Model       malicious; the rules are in steelyard.epochs.
Rounds      1.   Sends one signed vote to everybody.
Reveals     a digest of my new share, which padding hides.
Follows     atomic commitment (Gray 1978), with the set of votes itself as the decision; docs/guarantees.md.
Differs     nobody waits here: who does not hear all votes learns the outcome from any peer or the coordinator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol as Interface

from steelyard.documents.signed import Signed, from_wire, to_wire
from steelyard.epochs.change import Change, share_digest
from steelyard.errors import SteelyardError
from steelyard.field import Vector, to_bytes
from steelyard.protocols.attempt import Attempt
from steelyard.rounds import Protocol, broadcast

Votes = tuple[Signed, ...]


class Ballot(Interface):
    """What a protocol asks of the node for one change; calls return when it is on the disk."""

    def stage(self, share: bytes, digest: str) -> None:
        """Keeps my new share in the slot of the change."""

    def prepare(self, transcript: str, checks: str, share: str) -> Signed:
        """My vote (`Machine.prepare`); `share` is empty for who leaves."""

    def abort(self) -> None:
        """Makes sure that this attempt never counts (`Machine.abort`)."""


@contextmanager
def spoiling(ballot: Ballot) -> Iterator[None]:
    """Whatever goes wrong in here, or whoever ends the protocol, an attempt that was not voted for never counts."""
    try:
        yield
    except (SteelyardError, GeneratorExit):
        ballot.abort()
        raise


def vote(
    attempt: Attempt, change: Change, ballot: Ballot, share: Vector | None, transcript: str, checks: str
) -> Protocol[Votes]:
    """The votes that arrived, mine among them: to be shown to `certificate.decide`."""
    # 1. On the disk first.
    with spoiling(ballot):  # the disk may be full
        stood = "" if share is None else _stage(attempt, change, ballot, to_bytes(share))
        mine = ballot.prepare(transcript, checks, stood)
    # 2. Everybody's vote, as far as they come.
    received = yield broadcast("change vote", to_wire(mine), attempt.others, 0)
    votes = [mine]
    for party in sorted(received):
        try:
            votes.append(from_wire(received[party]))
        except SteelyardError:
            continue  # it counts as none
    return tuple(votes)


def _stage(attempt: Attempt, change: Change, ballot: Ballot, body: bytes) -> str:
    digest = share_digest(change.slot, attempt.me, body)
    ballot.stage(body, digest)
    return digest
