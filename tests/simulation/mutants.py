"""Programs in which one rule is missing; each must lose something, or the schedules prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from simulation.disk import Disk
from simulation.node import Ballot
from simulation.schedule import Options, Schedule

from steelyard.documents.signed import Signed
from steelyard.epochs import certificate
from steelyard.epochs.certificate import Vote
from steelyard.epochs.change import Change
from steelyard.epochs.machine import Machine
from steelyard.epochs.record import Record
from steelyard.epochs.votes import Aborted, Prepared

Patch = pytest.MonkeyPatch
CRASHES = Options(5, 3, 1)
LOSSES = Options(4, 2, 0, losses=1, set_back=False, sabotage=True)
TWO_FACED = Options(5, 3, 2, 1)
SMALL = Options(3, 2, 1, 1)
TWO_FACED_LOSSES = Options(5, 3, 2, 1, 1)
RESHARES = Options(5, 3, 1, reshares=True, spare=2)
SABOTAGE = Options(3, 2, 1, sabotage=True)
SABOTAGE_LOSSES = Options(5, 3, 1, losses=1, sabotage=True)
SABOTAGE_LIAR = Options(3, 2, 1, 1, sabotage=True)


@dataclass(frozen=True)
class Mutant:
    name: str
    apply: Callable[[Patch], None]
    options: Options
    seeds: int = 400  # in which it must be caught


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _majority_commits(patch: Patch) -> None:
    def majority(change: Change, votes: Mapping[str, Vote]) -> bool:
        return 2 * sum(isinstance(vote, Prepared) for vote in votes.values()) > len(change.voters)

    def decide(change: Change, votes: Any, keys: Any) -> Any:
        good = [
            each for each in dict.fromkeys(votes) if each.kind == Prepared.KIND and change.attempt in str(each.payload)
        ]
        if 2 * len({each.signer for each in good}) > len(change.voters):
            return certificate.Commit(change.encode(), tuple({each.signer: each for each in good}.values()))
        return original(change, votes, keys)

    original = certificate.decide
    patch.setattr(certificate, "unanimous", majority)
    patch.setattr("simulation.node.decide", decide)
    patch.setattr("steelyard.epochs.settlement.decide", decide)


def _erase_before_certificate(patch: Patch) -> None:
    original = Machine.prepare

    def prepare(self: Machine, change: Change, *said: str) -> Signed:
        vote = original(self, change, *said)
        for slot in self._store.held(change.sharing):
            if slot != change.slot:
                self._store.erase(slot)
                self._crash_point("erase.done")
        return vote

    patch.setattr(Machine, "prepare", prepare)


def _lone_aborted_discards(patch: Patch) -> None:
    def gives_up(change: Change, votes: Mapping[str, Vote]) -> bool:
        return any(isinstance(vote, Aborted) for vote in votes.values())

    patch.setattr(certificate, "gives_up", gives_up)


def _few_unlock(patch: Patch) -> None:
    patch.setattr(Change, "giving_up", property(lambda change: 1))


def _vote_before_staging(patch: Patch) -> None:
    staged: dict[str, tuple[bytes, str]] = {}

    def prepare(self: Ballot, transcript: str, checks: str, share: str) -> Signed:
        vote = self._node.machine.prepare(self._change, transcript, checks, share)
        node, late = self._node, staged.pop(self._node.party, None)
        if late:
            node.world.after(30, lambda: node.do(lambda: node.disk.stage(self._change.slot, *late)))
        return vote

    patch.setattr(Machine, "_check_staged", _nothing)
    patch.setattr(Ballot, "stage", lambda self, share, digest: staged.__setitem__(self._node.party, (share, digest)))
    patch.setattr(Ballot, "prepare", prepare)


def _attempts_again(patch: Patch) -> None:
    patch.setattr(Disk, "used", lambda self, claim: False)


def _both_votes(patch: Patch) -> None:
    patch.setattr(Machine, "_check_abort", _nothing)


def _not_locked(patch: Patch) -> None:
    patch.setattr(Machine, "_check_unlocked", _nothing)


def _forgets_its_promise(patch: Patch) -> None:
    patch.setattr(Machine, "_promised", _nothing)


def _commit_wins(patch: Patch) -> None:
    patch.setattr(Machine, "_step_back", lambda self, record: record)


def _any_base(patch: Patch) -> None:
    original = Machine._check_base

    def check(self: Machine, record: Record, change: Change) -> None:
        if record.active is None:
            original(self, record, change)

    def share(node: Any, change: Change) -> bytes | None:
        found = [node.disk.share(slot) for slot in node.disk.held(change.sharing) if node.disk.digest(slot)]
        return found[0] if found else None

    patch.setattr(Machine, "_check_base", check)
    patch.setattr("simulation.node.Node._share", share)


def _never_stale(patch: Patch) -> None:
    patch.setattr(Machine, "_is_behind", lambda *_: False)


def _any_recovery(patch: Patch) -> None:
    patch.setattr(Schedule, "accepts", lambda *_: True)
    patch.setattr(Machine, "_check_rebuilt", _nothing)


def _any_transcript(patch: Patch) -> None:
    def unanimous(change: Change, votes: Mapping[str, Vote]) -> bool:
        return {party for party, vote in votes.items() if isinstance(vote, Prepared)} == set(change.voters)

    patch.setattr(certificate, "unanimous", unanimous)


def _no_sync(patch: Patch) -> None:
    original = Disk.sync

    def sync(self: Disk) -> None:
        if len(self._pending) > 3:
            original(self)

    patch.setattr(Disk, "sync", sync)


def _forgets_nothing(patch: Patch) -> None:
    """A recovered node votes as if it remembered."""

    def check(self: Machine, record: Record, change: Change, *, mine: bool) -> None:
        original(self, record.__class__(**{**_fields(record), "recovered": False}), change, mine=mine)

    original = Machine._check_abort
    patch.setattr(Machine, "_check_abort", check)
    patch.setattr(Machine, "_may_have_forgotten", lambda *_: False)


def _fields(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _sweeps_everything(patch: Patch) -> None:
    """At a start, what is not active is rubbish."""
    original = Machine.sweep

    def sweep(self: Machine, sharing: str) -> None:
        original(self, sharing)
        record = self.record(sharing)
        for slot in self._store.held(sharing):
            if slot.attempt != record.base.attempt:
                self._store.erase(slot)
                self._crash_point("erase.done")

    patch.setattr(Machine, "sweep", sweep)


def _few_voters(patch: Patch) -> None:
    patch.setattr(Change, "_check_enough", _nothing)
    patch.setattr("simulation.coordinator.quorum", lambda size, threshold, liars: threshold)


def _certificates_are_believed(patch: Patch) -> None:
    def verify(self: certificate.Commit, keys: Any, manifest: Any) -> Change:
        return self.change

    patch.setattr(certificate.Commit, "verify", verify)


def _votes_are_believed(patch: Patch) -> None:
    """Of whomever they say they are, on whatever they are."""

    def opened(signed: Signed, keys: Any, expected: Any) -> Vote:
        return signed.expect(certificate.KINDS[signed.kind])

    patch.setattr(certificate, "_open", opened)


def _goes_back(patch: Patch) -> None:
    patch.setattr(Machine, "_check_way", _nothing)
    patch.setattr(Machine, "_is_whole", lambda *_: False)


def _forgets_refusals(patch: Patch) -> None:
    original = Disk.used
    patch.setattr(Disk, "used", lambda self, claim: len(claim) < 64 and original(self, claim))


def _never_learns_of_its_votes(patch: Patch) -> None:
    """A vote that was forgotten stays so."""
    original = Machine._save

    def save(self: Machine, record: Record, step: str, *claims: str) -> None:
        original(self, record, step, *(() if step in ("stale", "recover") else claims))

    patch.setattr(Machine, "_save", save)


MUTANTS = [
    Mutant("a majority of votes commits", _majority_commits, CRASHES),
    Mutant("the old share goes before the certificate", _erase_before_certificate, CRASHES),
    Mutant("one vote against discards the new share", _lone_aborted_discards, SMALL),
    Mutant("anybody may give a change up", _few_unlock, TWO_FACED),
    Mutant("the vote comes before the share is durable", _vote_before_staging, CRASHES),
    Mutant("an attempt may be used again", _attempts_again, CRASHES),
    Mutant("prepared and aborted do not exclude each other", _both_votes, CRASHES),
    Mutant("another change begins while one is undecided", _not_locked, CRASHES),
    Mutant("who unlocked does not keep its share", _forgets_its_promise, TWO_FACED),
    Mutant("a commit wins over an abort", _commit_wins, TWO_FACED),
    Mutant("shares of any epoch are built on", _any_base, CRASHES),
    Mutant("nobody notices that others have gone on", _never_stale, CRASHES),
    Mutant("a rebuilt share is not compared with its digest", _any_recovery, TWO_FACED_LOSSES),
    Mutant("votes on different dealings combine", _any_transcript, TWO_FACED),
    Mutant("acknowledged before it is on the disk", _no_sync, CRASHES),
    Mutant("a recovered node votes as if it remembered", _forgets_nothing, LOSSES),
    Mutant("a restart clears away what is not active", _sweeps_everything, CRASHES),
    Mutant("too few voters are enough", _few_voters, SMALL),
    Mutant("a certificate is believed as it comes", _certificates_are_believed, SABOTAGE),
    Mutant("a vote counts for whatever it is shown for", _votes_are_believed, SABOTAGE_LIAR),
    Mutant("a recovery goes back to what is over", _goes_back, SABOTAGE_LOSSES),
    Mutant("a vote is forgotten under many others", _forgets_refusals, SABOTAGE),
    Mutant("who is told of a vote that it forgot does not remember", _never_learns_of_its_votes, TWO_FACED_LOSSES),
]
