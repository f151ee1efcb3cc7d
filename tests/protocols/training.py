"""Secure sums and training runs in one process: what every party needs, and memory that outlives an attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from protocols.consortium import Consortium

from steelyard.digest import digest
from steelyard.errors import Conflict, SteelyardError
from steelyard.field import from_signed
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.secure_sum import SecureSums, Summed
from steelyard.protocols.training import Training
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, Tamper, run_locally
from steelyard.sharing.attempt_keys import AttemptKeys

T = TypeVar("T")


@dataclass
class Kept:
    """Checkpoints in memory."""

    sums: dict[int, bytes] = field(default_factory=dict)
    votes: dict[str, tuple[tuple[PartyId, ...], bytes]] = field(default_factory=dict)

    def latest(self) -> int:
        return next(number for number in range(len(self.sums) + 1) if number + 1 not in self.sums)

    def read(self, number: int) -> bytes:
        return self.sums[number]

    def keep(self, number: int, opened: bytes) -> None:
        self.sums[number] = opened

    def voted(self, step: str) -> tuple[PartyId, ...]:
        return self.votes.get(step, ((), b""))[0]

    def enter(self, step: str, survivors: Sequence[PartyId], after: bytes) -> None:
        if self.votes.setdefault(step, (tuple(survivors), after)) != (tuple(survivors), after):
            raise Conflict("another list of survivors, or another past")


@dataclass
class Adders:
    """n parties with threshold k who add up."""

    consortium: Consortium
    kept: dict[PartyId, Kept] = field(default_factory=dict)
    dealers: Sequence[PartyId] = ()

    @classmethod
    def of(cls, size: int, threshold: int, **options: Any) -> Adders:
        consortium = Consortium(size, threshold)
        return cls(consortium, {party: Kept() for party in consortium.parties}, **options)

    @property
    def parties(self) -> tuple[PartyId, ...]:
        return self.consortium.parties

    def sums(self, attempt: str = "cd" * 16) -> dict[PartyId, SecureSums]:
        keys = {p: AttemptKeys(p, b"\x22" * 32, ComputationId("ab" * 16), AttemptId(attempt)) for p in self.parties}
        for one in self.parties:
            for other in self.parties:
                if one != other:
                    keys[one].agree(other, keys[other].public, keys[other].nonce)
        dealers = tuple(self.dealers or self.parties)
        return {
            p: SecureSums(self.consortium.attempt(p), keys[p], dealers, SystemRandomness(), votes=self.kept.get(p))
            for p in self.parties
        }

    def add(
        self,
        vectors: Mapping[PartyId, np.ndarray],
        tamper: Tamper | None = None,
        sums: dict[PartyId, SecureSums] | None = None,
        step: str = "a sum",
    ) -> dict[PartyId, Summed | SteelyardError]:
        """Parties without a vector deal nothing if they are no dealers, and are silent if they are."""
        sums = sums or self.sums()
        size = len(next(iter(vectors.values())))
        dealers = self.dealers or self.parties

        def played(party: PartyId) -> Protocol[Summed]:
            mine = from_signed(vectors[party]) if party in vectors else None
            return (yield from sums[party].add_up(step, mine, size))

        there = [party for party in self.parties if party in vectors or party not in dealers]
        return run_locally({party: played(party) for party in there}, tamper)

    def train(
        self, steps: Callable[[PartyId], Any], tamper: Tamper | None = None, **options: Any
    ) -> dict[PartyId, Any]:
        """Outcome of a training run at every party; checkpoints outlive it."""
        sums = self.sums()
        trainings = {
            party: Training(
                sums[party],
                party in (self.dealers or self.parties),
                lambda step, party=party: Keystream(digest("noise", party.encode(), step.encode())),
                checkpoints=self.kept[party],
                **{name: make(party) for name, make in options.items()},
            )
            for party in self.parties
        }
        return run_locally({party: each.run(steps(party)) for party, each in trainings.items()}, tamper)
