"""`Books`: everything a node keeps, opened once and handed to whoever needs it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.audit import Audit
from node.computations import Computations
from node.config import NodeConfig
from node.consent import Consent
from node.datasets import Datasets
from node.health import Health
from node.ledger import Ledger
from node.policy import PolicyFile
from node.training import TrainedHere
from steelyard.errors import Invalid
from steelyard.identity import files
from steelyard.identity.homes import Home
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId, party_id
from steelyard.storage.database import Database

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Books:
    """A node's identity and its durable state."""

    party: PartyId
    membership: Membership
    signing: Ed25519PrivateKey = field(repr=False)
    database: Database
    health: Health
    datasets: Datasets
    policy: PolicyFile
    ledger: Ledger
    audit: Audit
    computations: Computations
    consent: Consent
    trained: TrainedHere

    @classmethod
    def open(cls, config: NodeConfig) -> Books:
        """Opens the store and the identity folder; raises what is wrong with them, naming the file."""
        party, home = party_id(config.party), Home(config.identity)
        membership = home.membership()
        if party not in membership.parties:
            raise Invalid(f"the manifest lists no node of {party}")
        state = files.private_directory(config.state)
        database = Database(state / "node.db", _MIGRATIONS)
        audit, policy = Audit(database), PolicyFile(config.policy)
        audit.verify()
        computations = Computations(database, party)
        computations.purge(now_ms())
        return cls(
            party=party,
            membership=membership,
            signing=home.signing_key(),
            database=database,
            health=Health(database),
            datasets=Datasets(database, state / "blobs"),
            policy=policy,
            ledger=Ledger(database),
            audit=audit,
            computations=computations,
            consent=Consent(party, membership, policy, computations, audit, database, now_ms),
            trained=TrainedHere(state),
        )
