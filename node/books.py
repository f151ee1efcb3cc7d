"""`Books`: everything a node keeps, opened once and handed to whoever needs it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node import upgrade
from node.audit import Audit
from node.blobs import Blobs
from node.changes import Changes
from node.computations import Computations
from node.config import NodeConfig
from node.consent import Consent
from node.datasets import Datasets
from node.health import Health
from node.inbox import Inbox
from node.inputs import concerns
from node.keyring import open_vault
from node.ledger import Ledger
from node.policy import PolicyFile
from node.sealing_keys import SealingKeys
from node.sharings import Sharings
from node.training import TrainedHere
from steelyard.documents.request import Request
from steelyard.documents.signed import read
from steelyard.documents.stored import Stored
from steelyard.epochs.change import Change
from steelyard.epochs.crash_points import Hook, pass_by
from steelyard.epochs.machine import Machine
from steelyard.errors import Conflict, Invalid
from steelyard.functions.answered import PURPOSE as ANSWER
from steelyard.functions.answered import call_of, held_as
from steelyard.functions.catalogue import question_of
from steelyard.identity import files
from steelyard.identity.homes import Home
from steelyard.identity.membership import Membership
from steelyard.ids import ComputationId, PartyId, party_id
from steelyard.storage.database import Database
from steelyard.vault.vault import Vault

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_log = structlog.get_logger(__name__)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _sweep(trained: TrainedHere, computations: Computations) -> None:
    known, now = (lambda computation: computations.find(computation) is not None), now_ms()
    trained.sweep(known, lambda computation: computations.waits(computation, now))


@dataclass(frozen=True, slots=True)
class After:
    """What follows a committed change of a stored sharing."""

    inbox: Inbox

    def __call__(self, change: Change, stored: Stored) -> None:
        """Contributions that are in it now leave the inbox; with every refresh there is a new sealing key."""
        if change.kind == "share":
            self.inbox.drop([part.version for part in stored.parts if part.sponsor])
        elif change.kind == "refresh":
            self.inbox.rotate()


@dataclass(frozen=True, slots=True)
class Books:
    """A node's identity and its durable state."""

    party: PartyId
    membership: Membership
    signing: Ed25519PrivateKey = field(repr=False)
    unsealing: X25519PrivateKey = field(repr=False)  # the manifest's
    database: Database
    health: Health
    vault: Vault
    datasets: Datasets
    policy: PolicyFile
    ledger: Ledger
    audit: Audit
    computations: Computations
    sharings: Sharings
    changes: Changes
    consent: Consent
    sealing: SealingKeys
    inbox: Inbox
    trained: TrainedHere
    settling: Lock = field(default_factory=Lock, repr=False)  # an owner who reads settles, too

    @classmethod
    def open(cls, config: NodeConfig, crash_point: Hook = pass_by) -> Books:
        """Opens the store and the identity folder; raises what is wrong with them, naming the file."""
        party, home = party_id(config.party), Home(config.identity)
        membership = home.membership()
        if party not in membership.parties:
            raise Invalid(f"the manifest lists no node of {party}")
        state = files.private_directory(config.state)
        database = Database(state / "node.db", _MIGRATIONS)
        audit, policy = Audit(database), PolicyFile(config.policy)
        audit.verify()
        vault = open_vault(config.vault, party, database, state / "vault")
        blobs = Blobs(vault, config.vault.cache_mib << 20)
        upgrade.seal_rows_of_before(database, vault)
        upgrade.seal_blobs_of_before(database, blobs, state / "blobs")
        datasets = Datasets(database, vault, blobs)
        for fault in vault.faults():
            _log.error("store_fault", unit=str(fault.unit), problem=fault.problem)
        signing, sharings = home.signing_key(), Sharings(database, vault)
        machine = Machine(party, signing, membership.signing_keys, membership.points_by_name, sharings, crash_point)
        computations = Computations(database, vault, party)
        computations.purge(now_ms())
        trained = TrainedHere(vault, now_ms)
        _sweep(trained, computations)
        consortium, folder = membership.consortium, state / "inbox"
        sealing = SealingKeys(party, consortium, signing, home.sealing_key(), vault, database, audit, now_ms)
        inbox = Inbox(party, membership, policy, audit, sealing, database, folder, now_ms)
        for shelf in sharings.list():
            taken = [part.version for part in shelf.stored.parts if part.sponsor]
            inbox.drop(taken)  # taken up, and killed before they could go
        concerned = partial(concerns, datasets)
        return cls(
            party=party,
            membership=membership,
            signing=signing,
            unsealing=home.sealing_key(),
            database=database,
            health=Health(database),
            vault=vault,
            datasets=datasets,
            policy=policy,
            ledger=Ledger(database),
            audit=audit,
            computations=computations,
            sharings=sharings,
            changes=Changes(
                party, machine, sharings, membership.signing_keys, audit, now_ms, After(inbox), crash_point
            ),
            consent=Consent(party, membership, policy, computations, sharings, audit, database, now_ms, concerned),
            trained=trained,
            sealing=sealing,
            inbox=inbox,
        )

    def sweep(self) -> None:
        """Erases saved shares of computations that end without a result here, and contributions that have expired."""
        _sweep(self.trained, self.computations)
        self.inbox.purge()

    def ended(self, computation: ComputationId, *, done: bool) -> None:
        """No further attempt at it is made: what was kept for it alone goes; once it is `done`, answers to its call.

        That is the coordinator's word: where this node has no result, answers stay until they expire.
        """
        self.trained.settled(computation)
        if done and self.computations.has_result(computation) and (known := self.computations.find(computation)):
            request = read(Request, known.request.payload)
            if question_of(request).purpose == ANSWER:
                self.inbox.use_up(held_as(call_of(request)), computation)

    def require_unused(self, request: Request) -> None:
        """Raises Conflict where the answers to its call have been used by another computation."""
        run = self.inbox.used_by(held_as(call_of(request)))
        if run not in ("", request.computation):
            raise Conflict(f"this call has been computed, as {run}: answers to it are gone; make a new call")
