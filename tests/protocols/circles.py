"""Circles of parties in one process: runs a protocol over shares at everybody, and watches what is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from protocols.consortium import Consortium

from steelyard.errors import SteelyardError
from steelyard.field import Vector, from_signed, to_signed
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.bits import open_bits
from steelyard.protocols.circle import Circle
from steelyard.protocols.convene import convene
from steelyard.randomness import SystemRandomness
from steelyard.rounds import Protocol, Round, Tamper, run_locally
from steelyard.sharing import shamir
from steelyard.sharing.attempt_keys import AttemptKeys

T = TypeVar("T")
SIZES = [(3, 2), (4, 2), (5, 3), (5, 2), (7, 4), (9, 5)]  # both ways of dealing bits, n > 2k-1 among them


@dataclass
class Seen:
    """What was sent: the shape of the transcript."""

    messages: list[tuple[str, str, str, int]] = field(default_factory=list)  # step, sender, receiver, bytes

    @property
    def bytes(self) -> int:
        return sum(size for *_, size in self.messages)

    def steps(self) -> Counter[str]:
        return Counter(step for step, *_ in self.messages)


@dataclass
class Ring:
    """n parties with threshold k who hold shares."""

    consortium: Consortium

    @classmethod
    def of(cls, size: int, threshold: int) -> Ring:
        return cls(Consortium(size, threshold))

    @property
    def parties(self) -> tuple[PartyId, ...]:
        return self.consortium.parties

    def share(self, values: Sequence[int] | np.ndarray) -> dict[PartyId, Vector]:
        points = self.consortium.points
        secret = from_signed(np.asarray(values, dtype=np.int64))
        shares = shamir.share(secret, self.consortium.threshold, list(points.values()), SystemRandomness())
        return {party: shares[points[party]] for party in self.parties}

    def reconstruct(self, shares: Mapping[PartyId, Vector]) -> list[int]:
        points, threshold = self.consortium.points, self.consortium.threshold
        by_point = {points[party]: share for party, share in shares.items()}
        value = shamir.reconstruct(by_point, threshold)
        last = dict(list(by_point.items())[-threshold:])
        assert np.array_equal(value, shamir.reconstruct(last, threshold)), "the shares are not of one polynomial"
        return [int(each) for each in to_signed(value)]

    def run(
        self,
        protocol: Callable[..., Protocol[T]],
        *shared: Mapping[PartyId, Any],
        seen: Seen | None = None,
        tamper: Tamper | None = None,
    ) -> dict[PartyId, T]:
        """`protocol(circle, *my shares)` at every party; raises what any of them raises."""
        keys = self._keys()

        def played(party: PartyId) -> Protocol[T]:
            circle = yield from convene(self.consortium.attempt(party), keys[party])
            return (yield from protocol(circle, *(each[party] for each in shared)))

        def watch(sender: PartyId, receiver: PartyId, round_: Round, message: Any) -> Any:
            if seen is not None:
                seen.messages.append((round_.step, sender, receiver, len(memoryview(message).cast("B"))))
            return tamper(sender, receiver, round_, message) if tamper else message

        outcome = run_locally({party: played(party) for party in self.parties}, watch)
        for each in outcome.values():
            if isinstance(each, SteelyardError):
                raise each
        return outcome  # type: ignore[return-value]

    def opened_bits(
        self, protocol: Callable[..., Protocol[Any]], *shared: Mapping[PartyId, Any], count: int
    ) -> np.ndarray:
        """The bits (rows, count) whose shares `protocol` returns, opened at the first party."""

        def opening(circle: Circle, *mine: Any) -> Protocol[Any]:
            share = yield from protocol(circle, *mine)
            return (yield from open_bits(circle, "open", share))

        words = self.run(opening, *shared)[self.parties[0]]
        return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, :count]

    def _keys(self) -> dict[PartyId, AttemptKeys]:
        keys = {
            party: AttemptKeys(party, b"\x22" * 32, ComputationId("ab" * 16), AttemptId("cd" * 16))
            for party in self.parties
        }
        for one in self.parties:
            for other in self.parties:
                if one != other:
                    keys[one].agree(other, keys[other].public, keys[other].nonce)
        return keys
