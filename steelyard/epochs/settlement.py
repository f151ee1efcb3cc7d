"""The coordinator's side: from what nodes say of themselves to what they should be shown or asked next.

Nothing in here is trusted by a node, and nothing is remembered: a coordinator that was killed asks again and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Literal

import msgspec

from steelyard.documents.signed import Signed
from steelyard.epochs.certificate import Abort, Certificate, Commit, Keys, decide, double_votes
from steelyard.epochs.change import Change
from steelyard.epochs.record import Record
from steelyard.errors import Malformed, SteelyardError


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node says of one sharing: its record, which holds nothing secret, and whether its share is in order."""

    party: str
    record: Record
    sound: bool  # the share of the active epoch is on the disk


class Show(msgspec.Struct, frozen=True, tag=True):
    """Call `commit` or `abandon` of this node's machine."""

    party: str
    certificate: Certificate


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Call `abort` or `unlock` of this node's machine, and `notice` with the votes that others saw of it."""

    party: str
    what: Literal["abort", "unlock"]
    change: Change


class Recover(msgspec.Struct, frozen=True, tag=True):
    """Propose a recovery of this node's share of the epoch that the certificate made."""

    party: str
    certificate: Commit


Step = Show | Ask | Recover


class Outlook(msgspec.Struct, frozen=True):
    """What is known of a sharing from all statuses together."""

    current: Commit | None  # of the epoch the group stands at
    steps: tuple[Step, ...]
    double_votes: tuple[tuple[Signed, Signed], ...]  # each proves its signer a cheat

    @property
    def settled(self) -> bool:
        return not self.steps


def outlook(statuses: Iterable[Status], keys: Keys, manifest: Mapping[str, int], now_ms: int) -> Outlook:
    """`statuses`: of the nodes that answered, about one sharing."""
    known = {status.party: status for status in statuses}
    votes = list(dict.fromkeys(signed for status in known.values() for signed in _votes(status.record)))
    commits, aborts = _certificates(known.values(), keys, manifest)
    changes = {each.undecided.change.attempt: each.undecided.change for each in _records(known) if each.undecided}
    for attempt, change in changes.items():
        found = decide(change, [each for each in votes if attempt.encode() in each.payload], keys)
        if isinstance(found, Commit):
            commits.setdefault(attempt, found)
        elif isinstance(found, Abort):
            aborts.setdefault(attempt, found)
    current = _current(commits, aborts)
    steps = [*_decisions(known, commits, aborts, current), *_questions(known, changes, {*commits, *aborts}, now_ms)]
    if not steps and current is not None:
        steps = list(_recoveries(known, current))
    return Outlook(current, tuple(steps), tuple(double_votes(votes, keys)))


def decode_step(data: bytes) -> Show | Ask:
    """What a node is shown or asked; Malformed for whatever is not exactly that."""
    try:
        return msgspec.json.decode(data, type=Show | Ask)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Malformed("these bytes are no step of a settlement") from None


def votes_of(party: str, statuses: Iterable[Status]) -> list[Signed]:
    """What others have of a node's votes: it may have forgotten one, and is to notice."""
    votes = (signed for status in statuses if status.party != party for signed in _votes(status.record))
    return list(dict.fromkeys(signed for signed in votes if signed.signer == party))


def _records(known: Mapping[str, Status]) -> Iterator[Record]:
    return (status.record for status in known.values())


def _votes(record: Record) -> Iterator[Signed]:
    yield from record.refusals
    if record.undecided is not None:
        yield from filter(None, (record.undecided.prepared, record.undecided.unlocked))
    for certificate in _shown(record):
        yield from certificate.votes


def _shown(record: Record) -> Iterator[Certificate]:
    yield from record.abandoned
    for generation in (record.active, record.kept):
        if generation is not None:
            yield generation.commit
    if record.ahead is not None:
        yield record.ahead


def _certificates(
    statuses: Iterable[Status], keys: Keys, manifest: Mapping[str, int]
) -> tuple[dict[str, Commit], dict[str, Abort]]:
    """Those that hold, by attempt."""
    commits: dict[str, Commit] = {}
    aborts: dict[str, Abort] = {}
    for certificate in dict.fromkeys(each for status in statuses for each in _shown(status.record)):
        try:
            attempt = certificate.verify(keys, manifest).attempt
        except SteelyardError:
            continue
        if isinstance(certificate, Commit):
            commits.setdefault(attempt, certificate)
        else:
            aborts.setdefault(attempt, certificate)
    return commits, aborts


def _current(commits: Mapping[str, Commit], aborts: Mapping[str, Abort]) -> Commit | None:
    """The latest that was not given up."""
    standing = [each for attempt, each in commits.items() if _stands(each.change, aborts)]
    return max(standing, key=lambda each: each.change.made.epoch, default=None)


def _stands(change: Change, aborts: Mapping[str, Abort]) -> bool:
    return change.attempt not in aborts or change.old is None


def _decisions(
    known: Mapping[str, Status], commits: Mapping[str, Commit], aborts: Mapping[str, Abort], current: Commit | None
) -> Iterator[Step]:
    for party, status in known.items():
        record = status.record
        undecided = record.undecided.change.attempt if record.undecided else ""
        for attempt, abort in aborts.items():
            reverts = record.base.attempt == attempt and abort.change.old is not None
            if undecided == attempt or (reverts and not record.gave_up(attempt)):
                yield Show(party, abort)
        if undecided in commits and undecided not in aborts and _can_go_on(record):
            yield Show(party, commits[undecided])
        elif current is not None and record.standing == "active" and record.base.epoch < current.change.made.epoch:
            yield Show(party, current)


def _can_go_on(record: Record) -> bool:
    """Who unlocked without a new share cannot commit: once it knows that it is behind, it is recovered."""
    return record.standing != "stale" or (record.undecided is not None and record.undecided.prepared is not None)


def _questions(
    known: Mapping[str, Status], changes: Mapping[str, Change], decided: Set[str], now_ms: int
) -> Iterator[Step]:
    """To decide what its votes have not decided in time."""
    for attempt, change in changes.items():
        if attempt in decided or now_ms <= change.expires_ms:
            continue
        for party in change.voters:
            record = known[party].record if party in known else None
            if record is None or not _may_answer(record, change):
                continue
            prepared = record.undecided is not None and record.undecided.prepared is not None
            yield Ask(party, "unlock" if prepared or record.recovered else "abort", change)


def _may_answer(record: Record, change: Change) -> bool:
    """Whether this node could still say something new about an undecided change."""
    if record.undecided is not None and record.undecided.change == change:
        return record.undecided.unlocked is None
    refused = any(change.attempt.encode() in signed.payload for signed in record.refusals)
    return not refused and record.standing == "active" and record.base == change.base


def _recoveries(known: Mapping[str, Status], current: Commit) -> Iterator[Step]:
    """Everybody who is to hold a share of the current epoch, and does not."""
    change = current.change
    for party in change.new.holders:
        status = known.get(party)
        if status is None:
            continue
        record = status.record
        if record.standing != "active" or record.base != change.made or not status.sound:
            yield Recover(party, current)
