"""Holders of a stored sharing in one process: their machines, stores in memory, and the protocols that change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from protocols.consortium import NAMES

from steelyard.documents.signed import Signed
from steelyard.documents.stored import Part, Stored
from steelyard.epochs.certificate import Commit, decide
from steelyard.epochs.change import NOTHING, Base, Change, Slot, share_digest
from steelyard.epochs.committee import Committee, liars_for
from steelyard.epochs.machine import Machine
from steelyard.epochs.record import Record
from steelyard.errors import Conflict
from steelyard.field import Vector, from_bytes, to_bytes, uniform
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.audit import Audit, audit
from steelyard.protocols.greet import Greeting, Introduction, Offer, introduce, meet
from steelyard.protocols.recover import Loss, Rebuilt, recover
from steelyard.protocols.refresh import refresh
from steelyard.protocols.reshare import reshare
from steelyard.randomness import SystemRandomness, token
from steelyard.rounds import Protocol, Tamper, run_locally
from steelyard.sharing.shamir import reconstruct, share

NOW = 1_000_000
SHARING = "5a" * 16
POOL = Stored(
    id=SHARING, name="pool", dataset="accounts", columns=("balance",), where="", vector=True, enough=True,
    minimum_rows=1, parts=(Part("bank-a", "ee" * 16, 3, (2,), (0,)),), threshold=2,
)  # fmt: skip


@dataclass
class MemoryStore:
    """A disk that never fails."""

    records: dict[str, Record] = field(default_factory=dict)
    claims: set[str] = field(default_factory=set)
    shares: dict[Slot, bytes] = field(default_factory=dict)
    digests: dict[Slot, str] = field(default_factory=dict)

    def load(self, sharing: str) -> Record | None:
        return self.records.get(sharing)

    def save(self, record: Record, *claims: str) -> None:
        self.records[record.sharing] = record
        self.claims |= set(claims)

    def used(self, claim: str) -> bool:
        return claim in self.claims

    def digest(self, slot: Slot) -> str:
        return self.digests.get(slot, "")

    def held(self, sharing: str) -> Iterable[Slot]:
        return [slot for slot in self.shares if slot.sharing == sharing]

    def erase(self, slot: Slot) -> None:
        self.shares.pop(slot, None)
        self.digests.pop(slot, None)

    def put(self, slot: Slot, body: bytes, digest: str) -> None:
        self.shares[slot], self.digests[slot] = bytes(body), digest


@dataclass
class MachineBallot:
    machine: Machine
    store: MemoryStore
    change: Change
    aborted: bool = False

    def stage(self, share: bytes, digest: str) -> None:
        self.store.put(self.change.slot, share, digest)

    def prepare(self, transcript: str, checks: str, share: str) -> Signed:
        return self.machine.prepare(self.change, transcript, checks, share)

    def abort(self) -> None:
        self.aborted = True
        with suppress(Conflict):
            self.machine.abort(self.change)


class Holders:
    """`size` parties of a manifest, the first `n` of which hold `values` with threshold k."""

    def __init__(self, k: int, n: int, values: Vector, size: int = 0, liars: int | None = None) -> None:
        self.parties = tuple(NAMES[: size or n])
        self.points = {party: 3 * index + 1 for index, party in enumerate(self.parties)}
        self.signing = {party: Ed25519PrivateKey.generate() for party in self.parties}
        self.keys = {party: key.public_key() for party, key in self.signing.items()}
        self.liars = liars_for(n, k, k - 1) if liars is None else liars
        self.values = values
        self.stores = {party: MemoryStore() for party in self.parties}
        self.machines = {
            party: Machine(party, self.signing[party], self.keys, self.points, self.stores[party])
            for party in self.parties
        }
        self.committee = Committee(k, {party: self.points[party] for party in self.parties[:n]})
        self.base, self.commit = NOTHING, None
        self._share_out()

    def _share_out(self) -> None:
        change = self.change("share", None, self.committee, self.committee.holders)
        points = list(self.committee.points.values())
        shares = share(self.values, self.committee.threshold, points, SystemRandomness())
        votes = []
        for party, point in self.committee.points.items():
            self.machines[party].start(change, NOW)
            ballot = self.ballot(PartyId(party), change)
            body = to_bytes(shares[point])
            ballot.stage(body, share_digest(change.slot, party, body))
            votes.append(ballot.prepare("11" * 32, "22" * 32, share_digest(change.slot, party, body)))
        self.settle(change, votes)

    def change(
        self, kind: str, old: Committee | None, new: Committee, voters: Iterable[str], liars: int | None = None
    ) -> Change:
        return Change(
            sharing=SHARING,
            description="33" * 32,
            manifest="44" * 32,
            attempt=token(16).hex(),
            kind=kind,  # type: ignore[arg-type]
            base=self.base,
            old=old,
            new=new,
            voters=tuple(sorted(voters)),
            liars=self.liars if liars is None else liars,
            expires_ms=NOW + 60_000,
        )

    def ballot(self, party: PartyId, change: Change) -> MachineBallot:
        return MachineBallot(self.machines[party], self.stores[party], change)

    def settle(self, change: Change, votes: Iterable[Signed]) -> Commit:
        found = decide(change, votes, self.keys)
        assert isinstance(found, Commit)
        for machine in self.machines.values():
            machine.commit(found)
        self.base, self.committee, self.commit = change.made, change.new, found
        return found

    def attempt(self, me: PartyId, name: str, participants: Iterable[str], liars: int | None = None) -> Attempt:
        chosen = tuple(party for party in self.parties if party in set(participants))
        return Attempt(
            computation=ComputationId("ab" * 16),
            attempt=AttemptId(name),
            request="11" * 32,
            manifest="44" * 32,
            me=me,
            participants=chosen,
            points={party: self.points[party] for party in chosen},
            threshold=self.committee.threshold,
            liars=self.liars if liars is None else liars,
            quorum=len(chosen),
            minimum_group=2,
            signing=self.signing[me],
            keys=self.keys,
        )

    def share_of(self, party: str, base: Base | None = None) -> Vector | None:
        where = base or self.base
        body = self.stores[PartyId(party)].shares.get(Slot(SHARING, where.epoch, where.attempt))
        return None if body is None else from_bytes(body, self.values.size)

    def opened(self, parties: Iterable[str] | None = None) -> Vector:
        chosen = list(parties or self.committee.holders)[: self.committee.threshold]
        return reconstruct({self.points[p]: self.share_of(p) for p in chosen}, self.committee.threshold)

    def refresh(self, voters: Iterable[str] | None = None, tamper: Tamper | None = None) -> Ran:
        change = self.change("refresh", self.committee, self.committee, voters or self.committee.holders)

        def protocol(attempt: Attempt, mine: Introduction, ballot: MachineBallot) -> Protocol[Any]:
            share = self.share_of(attempt.me)
            return met(attempt, mine, lambda greeting: refresh(attempt, greeting, change, share, ballot))

        return self._run(change, protocol, tamper)

    def reshare(self, new: Committee, voters: Iterable[str] | None = None, tamper: Tamper | None = None) -> Ran:
        everybody = set(self.committee.points) | set(new.points) if voters is None else voters
        liars = min(self.liars, liars_for(new.size, new.threshold, new.threshold - 1))
        change = self.change("reshare", self.committee, new, everybody, liars)

        def protocol(attempt: Attempt, mine: Introduction, ballot: MachineBallot) -> Protocol[Any]:
            old = self.share_of(attempt.me)
            size = self.values.size
            return met(attempt, mine, lambda greeting: reshare(attempt, greeting, change, old, size, ballot))

        return self._run(change, protocol, tamper)

    def _run(self, change: Change, protocol: Callable[..., Protocol[Any]], tamper: Tamper | None) -> Ran:
        ballots, running = {}, {}
        for party in change.voters:
            self.machines[party].start(change, NOW)
            attempt = self.attempt(PartyId(party), change.attempt, change.voters, change.liars)
            ballots[party] = self.ballot(PartyId(party), change)
            running[PartyId(party)] = protocol(attempt, introduce(attempt, NOBODY), ballots[party])
        return Ran(change, run_locally(running, tamper), ballots)

    def recover(
        self,
        party: str,
        helpers: Iterable[str] | None = None,
        tamper: Tamper | None = None,
        known: bool = True,
        liars: int | None = None,
    ) -> Mapping[PartyId, Rebuilt | Exception | None]:
        name, commit = token(16).hex(), self.commit
        assert commit is not None
        digest = commit.digests.get(party, "") if known else ""
        slot = commit.change.slot
        k = self.committee.threshold
        assumed = self.liars if liars is None else liars
        loss = Loss(PartyId(party), self.points[party], k, slot, "66" * 32, self.values.size, digest, assumed)
        chosen = [*(helpers or (each for each in self.committee.points if each != party)), party]
        running = {}
        for each in chosen:
            attempt = self.attempt(PartyId(each), name, chosen, liars)
            mine = self.share_of(each) if each != party else None
            running[PartyId(each)] = _recovering(attempt, loss, mine)
        return run_locally(running, tamper)

    def audit(
        self, participants: Iterable[str] | None = None, tamper: Tamper | None = None, liars: int | None = None
    ) -> Mapping[PartyId, Audit | Exception]:
        chosen, name = list(participants or self.committee.points), token(16).hex()
        running = {}
        for each in chosen:
            attempt = self.attempt(PartyId(each), name, chosen, liars)
            running[PartyId(each)] = _auditing(attempt, self.committee.threshold, self.share_of(each))
        return run_locally(running, tamper)


def met(attempt: Attempt, mine: Introduction, then: Callable[[Greeting], Protocol[Any]]) -> Protocol[Any]:
    """What comes after the hellos, as a node runs it."""
    with mine.keys:
        greeting = yield from meet(attempt, mine)
        return (yield from then(greeting))


def _recovering(attempt: Attempt, loss: Loss, share: Vector | None) -> Protocol[Any]:
    return met(attempt, introduce(attempt, NOBODY), lambda greeting: recover(attempt, greeting, loss, share))


def _auditing(attempt: Attempt, threshold: int, share: Vector) -> Protocol[Any]:
    return met(
        attempt, introduce(attempt, NOBODY), lambda greeting: audit(attempt, greeting, "55" * 32, threshold, share)
    )


@dataclass
class Ran:
    """How a change went at everybody."""

    change: Change
    outcome: Mapping[PartyId, Any]
    ballots: Mapping[str, MachineBallot]

    @property
    def votes(self) -> list[Signed]:
        return [vote for votes in self.outcome.values() if isinstance(votes, tuple) for vote in votes]


NOBODY = Offer(contributes=False)


def values(count: int = 5) -> Vector:
    return uniform(SystemRandomness(), count)


def same(a: Vector, b: Vector) -> bool:
    return bool(np.array_equal(a, b))
