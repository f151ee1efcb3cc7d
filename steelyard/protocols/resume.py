"""Resume: after a break the nodes find out how far they got; who missed sums is told them.

Model       malicious, at most k-1 nodes: what counts is what k nodes have kept alike, an honest one among them.
Rounds      1 (2 when k nodes have kept something), and 1 for each sum that somebody lacks.   Sends a number, a hash,
            and what is lacking.
Reveals     to nodes that were away: sums that all others know.
Follows     checkpoints with agreement on their hash.
Differs     a sum is kept with those who are in it, so that a model says who was left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from typing import Protocol as Interface

from steelyard.digest import digest
from steelyard.errors import Conflict, Failed, Malformed
from steelyard.ids import PartyId
from steelyard.protocols.disputes import usable
from steelyard.protocols.secure_sum import SecureSums, Votes
from steelyard.rounds import Inbox, Protocol, Round, broadcast

MAX_SUMS: Final = 1 << 20
_HASH: Final = 32
_NOTHING: Final = b"\0"


class Checkpoints(Votes, Interface):
    """The sums of one computation, by number from 1: durable, and the same over all attempts."""

    def latest(self) -> int:
        """How many there are without a gap."""

    def read(self, number: int) -> bytes: ...

    def keep(self, number: int, opened: bytes) -> None:
        """Durably; in place of one of the same number."""

    def forget(self) -> None:
        """All sums; no votes."""


@dataclass(slots=True)
class Unkept:
    """Where a node has no place for checkpoints: they last as long as the attempt."""

    sums: dict[int, bytes] = field(default_factory=dict, repr=False)

    def latest(self) -> int:
        return len(self.sums)

    def read(self, number: int) -> bytes:
        return self.sums[number]

    def keep(self, number: int, opened: bytes) -> None:
        self.sums[number] = opened


def resume(sums: SecureSums, kept: Checkpoints | Unkept) -> Protocol[int]:
    """How many sums all nodes have from now on; who says nothing is out of `sums`.

    Raises Conflict when they have kept different ones.
    """
    attempt, mine = sums.attempt, kept.latest()
    # 1. How far did everybody get?  At least one honest node has kept as many as k nodes say.
    received = yield broadcast("resume", mine.to_bytes(4, "little"), sums.others, attempt.quorum - 1)
    numbers = {**usable(received, attempt.quorum - 1, _number), attempt.me: mine}
    sums.present &= numbers.keys()
    common = sorted(numbers.values(), reverse=True)[attempt.liars]
    if not common:
        return 0
    # 2. Are they the same?
    own = _hash(kept, common) if mine >= common else bytes(_HASH)
    received = yield broadcast("resumed", own, sums.others, attempt.quorum - 1)
    agreed = _agreed([own, *(bytes(each) for each in received.values())], attempt.liars + 1)
    # 3. Who lacks some is told them, one after the other.
    teller = next(party for party in attempt.participants if numbers.get(party, 0) >= common)
    for number in range(min(numbers.values()) + 1, common + 1):
        told = yield _telling(sums, kept, numbers, teller, number)
        if mine < number:
            kept.keep(number, _told(told, teller))
    if _hash(kept, common) != agreed:
        raise Conflict("the nodes have kept different sums of this training: begin it again as a new request")
    return common


def _telling(
    sums: SecureSums, kept: Checkpoints | Unkept, numbers: Mapping[PartyId, int], teller: PartyId, number: int
) -> Round:
    """All wait for all, so that nobody runs ahead of who has much to catch up with."""
    tells = sums.attempt.me == teller
    lacking = {party for party in sums.others if tells and numbers[party] < number}
    messages = {party: kept.read(number) if party in lacking else _NOTHING for party in sums.others}
    return Round("told", messages, sums.others, len(sums.others))


def _told(told: Inbox, teller: PartyId) -> bytes:
    if teller not in told:
        raise Failed(f"{teller} did not tell the sums that this node missed", party=teller)
    return bytes(told[teller])


def _hash(kept: Checkpoints | Unkept, common: int) -> bytes:
    return digest("checkpoints", *(kept.read(each) for each in range(1, common + 1)))


def _agreed(said: list[bytes], enough: int) -> bytes:
    hashes = [each for each in said if each != bytes(_HASH)]
    if len(set(hashes)) != 1 or len(hashes) < enough:
        raise Conflict("the nodes have kept different sums of this training: begin it again as a new request")
    return hashes[0]


def _number(party: str, message: bytes | bytearray) -> int:
    number = int.from_bytes(message, "little")
    if len(message) != 4 or number > MAX_SUMS:
        raise Malformed(f"{party} says how far it got in no number", culprits=(party,))
    return number
