"""A consortium in one process for protocol tests: keys, attempts, ledgers, and inputs of `compute`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steelyard.digest import digest
from steelyard.documents.attempt import Contribution, InputSet
from steelyard.documents.signed import Signed
from steelyard.functions.aggregate import Aggregate, Aggregation
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.question import Question
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Offer, introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol
from steelyard.secret import Secret

Hellos = Mapping[PartyId, Signed]
Relay = Callable[[PartyId, Hellos], Hellos]  # what a receiver is told of these

NAMES = [PartyId(f"bank-{letter}") for letter in "abcdefghijklmnopqrstuvwxyz"]


@dataclass
class OpenLedger:
    """Lets everything pass and remembers what was entered."""

    entered: list[InputSet] = field(default_factory=list)

    def check(self, contributions: Sequence[Contribution]) -> None:
        pass

    def enter(self, input_set: InputSet) -> None:
        self.entered.append(input_set)


@dataclass
class Consortium:
    """n nodes with threshold k; `minimum_rows` and `minimum_group` are every owner's."""

    size: int
    threshold: int
    minimum_rows: int = 1
    minimum_group: int = 2
    enough: bool = False  # whether everybody says that its rows suffice
    decimals: tuple[int, ...] = (2,)  # of the question's columns
    dropouts: bool = True  # whether exact training goes on without who drops out

    def __post_init__(self) -> None:
        self.parties = tuple(NAMES[: self.size])
        self.points = {party: 3 * index + 1 for index, party in enumerate(self.parties)}
        self.signing = {party: Ed25519PrivateKey.generate() for party in self.parties}
        self.keys = {party: key.public_key() for party, key in self.signing.items()}
        self.ledgers = {party: OpenLedger() for party in self.parties}

    def attempt(self, me: PartyId, participants: Sequence[PartyId] = (), request: str = "11" * 32) -> Attempt:
        chosen = tuple(participants or self.parties)
        return Attempt(
            computation=ComputationId("ab" * 16),
            attempt=AttemptId("cd" * 16),
            request=request,
            manifest="22" * 32,
            me=me,
            participants=chosen,
            points={party: self.points[party] for party in chosen},
            threshold=self.threshold,
            liars=self.threshold - 1,
            quorum=-(-(self.size + self.threshold) // 2),
            minimum_group=self.minimum_group,
            signing=self.signing[me],
            keys=self.keys,
        )

    def offer(self, contributes: bool = True, **changes: object) -> Offer:
        values = {
            "contributes": contributes,
            "version": "ee" * 16 if contributes else "",
            "decimals": self.decimals if contributes else (),
            "bounds": (10_000_00,) * len(self.decimals) if contributes else (),
            "enough": self.enough,
            "minimum_rows": self.minimum_rows,
            "minimum_group": self.minimum_group,
            "dropouts": self.dropouts,
        }
        return Offer(**{**values, **changes})

    def totals(
        self,
        question: Question[Any],
        inputs: Mapping[PartyId, Mapping[str, Sequence[int]]],
        participants: Sequence[PartyId] = (),
        relay: Relay | None = None,
    ) -> dict[PartyId, Protocol[ResultShare]]:
        """The protocol at every participant; parties without inputs take part without contributing.

        With a `relay` the hellos do not travel between the nodes: it says what each of them is told.
        """
        met = {
            party: introduce(self.attempt(party, participants), self.offer(party in inputs))
            for party in participants or self.parties
        }
        hellos = {party: each.signed for party, each in met.items()}
        return {
            party: compute(
                self.attempt(party, participants),
                question,
                mine,
                _secret(inputs[party]) if party in inputs else None,
                self.ledgers[party],
                SystemRandomness(),
                lambda identity: Keystream(digest("noise", identity.encode())),
                relay(party, hellos) if relay else None,
            )
            for party, mine in met.items()
        }


def _secret(layers: Mapping[str, Sequence[int]]) -> Secret[dict[str, np.ndarray]]:
    arrays = {layer: np.array(values, dtype=np.int64) for layer, values in layers.items()}
    if "count" in arrays:
        arrays.setdefault("parties", (arrays["count"] != 0).astype(np.int64))
    return Secret(arrays)


def question(function: str = "sum", **arguments: object) -> Aggregation:
    return Aggregation(function, Aggregate(dataset="accounts", column="balance", **arguments))
