"""The coordinator's side: from what nodes say of themselves to what they should be shown or asked next.

Nothing in here is trusted by a node, and nothing is remembered: a coordinator that was killed asks again and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Literal

import msgspec

from steelyard import records
from steelyard.documents.signed import Signed
from steelyard.epochs.certificate import Abort, Certificate, Commit, Keys, decide, double_votes, refusal
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
    refused: Signed | None = None  # somebody's vote against it: then the deadline need not be waited for


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
    changes = _changes(known.values(), manifest)
    for name, change in changes.items():
        found = decide(change, [each for each in votes if name.encode() in each.payload], keys)
        if isinstance(found, Commit):
            commits.setdefault(name, found)
        elif isinstance(found, Abort):
            aborts.setdefault(name, found)
    current = _current(known.values(), commits, aborts)
    open_ = {name: change for name, change in changes.items() if name not in commits and name not in aborts}
    refusals = {name: refusal(change, votes, keys) for name, change in open_.items()}
    steps = [*_decisions(known, commits, aborts, current), *_questions(known, open_, refusals, now_ms)]
    if not steps and current is not None:
        steps = list(_recoveries(known, current))
    return Outlook(current, tuple(steps), tuple(double_votes(votes, keys)))


def decode_step(data: bytes) -> Show | Ask:
    """What a node is shown or asked; Malformed for whatever is not exactly that."""
    try:
        return records.from_json(data, Show | Ask)
    except records.DecodeError:
        raise Malformed("these bytes are no step of a settlement") from None


def votes_of(party: str, statuses: Iterable[Status]) -> list[Signed]:
    """What others have of a node's votes: it may have forgotten one, and is to notice."""
    votes = (signed for status in statuses if status.party != party for signed in _votes(status.record))
    return list(dict.fromkeys(signed for signed in votes if signed.signer == party))


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
    """Those that hold, by the digest of what they are about: an attempt's id is anybody's to reuse."""
    commits: dict[str, Commit] = {}
    aborts: dict[str, Abort] = {}
    for certificate in dict.fromkeys(each for status in statuses for each in _shown(status.record)):
        try:
            name = certificate.verify(keys, manifest).digest
        except SteelyardError:
            continue
        if isinstance(certificate, Commit):
            commits.setdefault(name, certificate)
        else:
            aborts.setdefault(name, certificate)
    return commits, aborts


def _changes(statuses: Iterable[Status], manifest: Mapping[str, int]) -> dict[str, Change]:
    """What is said to be undecided, if an honest node could have begun it; by digest."""
    found: dict[str, Change] = {}
    for status in statuses:
        if status.record.undecided is not None:
            change = status.record.undecided.change
            with suppress(SteelyardError):
                change.check(manifest)
                found[change.digest] = change
    return found


def _current(statuses: Iterable[Status], commits: Mapping[str, Commit], aborts: Mapping[str, Abort]) -> Commit | None:
    """The latest that was not given up, among those that most of who hold anything would take, if there are any."""
    records = [status.record for status in statuses if status.record.active is not None]
    standing = [each for name, each in commits.items() if name not in aborts or each.change.old is None]

    def rank(commit: Commit) -> tuple[bool, int]:
        return 2 * sum(each.believes(commit) for each in records) > len(records), commit.change.made.epoch

    return max(standing, key=rank, default=None)


def _decisions(
    known: Mapping[str, Status], commits: Mapping[str, Commit], aborts: Mapping[str, Abort], current: Commit | None
) -> Iterator[Step]:
    for party, status in known.items():
        record = status.record
        undecided = record.undecided.change.digest if record.undecided else ""
        active = record.active.commit.change.digest if record.active else ""
        for name, abort in aborts.items():
            reverts = active == name and abort.change.old is not None
            if undecided == name or (reverts and not record.gave_up(abort.change)):
                yield Show(party, abort)
        if undecided in commits and undecided not in aborts and _can_go_on(record):
            yield Show(party, commits[undecided])
        elif current is not None and _is_news(party, record, current):
            yield Show(party, current)


def _is_news(party: str, record: Record, current: Commit) -> bool:
    """Who is behind must hear of it; who is stale already, only that nobody will ever recover it."""
    left = record.standing == "stale" and party not in current.change.new.points
    behind = record.base.epoch < current.change.made.epoch and record.believes(current)
    return behind and (record.standing == "active" or left)


def _can_go_on(record: Record) -> bool:
    """Who unlocked without a new share cannot commit: once it knows that it is behind, it is recovered."""
    return record.standing != "stale" or (record.undecided is not None and record.undecided.prepared is not None)


def _questions(
    known: Mapping[str, Status], changes: Mapping[str, Change], refusals: Mapping[str, Signed | None], now_ms: int
) -> Iterator[Step]:
    """To decide what its votes have not decided in time, or cannot decide any more."""
    for name, change in changes.items():
        if refusals[name] is None and now_ms <= change.expires_ms:
            continue
        for party in change.voters:
            record = known[party].record if party in known else None
            if record is None or not _may_answer(record, change):
                continue
            prepared = record.undecided is not None and record.undecided.prepared is not None
            yield Ask(party, "unlock" if prepared or record.recovered else "abort", change, refusals[name])


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
