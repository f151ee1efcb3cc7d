"""Resume: after a break the nodes find out how far they got; who missed sums is told them.

Model       malicious, at most k-1 nodes: what counts is what k nodes have kept alike, an honest one among them.
Rounds      1 (2 when k nodes have kept something), and 1 for each sum that somebody lacks.   Sends a number, a hash
            for each sum, and what is lacking.
Reveals     to nodes that were away: sums that all others know.
Follows     checkpoints with agreement on their hashes.
Differs     a sum is kept with those who are in it, so that a model says who was left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from typing import Protocol as Interface

from steelyard.digest import digest
from steelyard.errors import Cheated, Conflict, Failed, Malformed
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
    """How many sums all nodes have from now on; who says nothing, or has kept others, is out of `sums`.

    Raises Conflict when it cannot be told whose are right, or mine are others than those of the rest; Cheated, naming
    who tells me a sum that it is not.
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
    own = _hashes(kept, common) if mine >= common else _NOTHING
    received = yield broadcast("resumed", own, sums.others, attempt.quorum - 1)
    said = {attempt.me: own, **{party: bytes(each) for party, each in received.items()}}
    agreed = _agreed(said, common, attempt.liars + 1)
    others = {party for party, hashes in said.items() if hashes not in (agreed, _NOTHING)}
    if attempt.me in others:
        raise _different()
    sums.present &= said.keys() - others
    # 3. Who lacks some is told them, one after the other.
    teller = next(party for party in attempt.participants if said.get(party) == agreed)
    for number in range(min(numbers[party] for party in sums.present) + 1, common + 1):
        told = yield _telling(sums, kept, numbers, teller, number)
        if mine < number:
            kept.keep(number, _told(told, teller, agreed[_HASH * (number - 1) :][:_HASH]))
    return common


def _telling(
    sums: SecureSums, kept: Checkpoints | Unkept, numbers: Mapping[PartyId, int], teller: PartyId, number: int
) -> Round:
    """All wait for all, so that nobody runs ahead of who has much to catch up with."""
    tells = sums.attempt.me == teller
    lacking = {party for party in sums.others if tells and numbers[party] < number}
    messages = {party: kept.read(number) if party in lacking else _NOTHING for party in sums.others}
    return Round("told", messages, sums.others, len(sums.others))


def _told(told: Inbox, teller: PartyId, hashed: bytes) -> bytes:
    if teller not in told:
        raise Failed(f"{teller} did not tell the sums that this node missed", party=teller)
    if digest("checkpoint", bytes(told[teller])) != hashed:
        raise Cheated(f"{teller} told another sum than it has kept", culprits=(teller,))
    return bytes(told[teller])


def _hashes(kept: Checkpoints | Unkept, common: int) -> bytes:
    return b"".join(digest("checkpoint", kept.read(each)) for each in range(1, common + 1))


def _agreed(said: Mapping[PartyId, bytes], common: int, enough: int) -> bytes:
    """What so many say that an honest one is among them."""
    counts = Counter(each for each in said.values() if len(each) == _HASH * common)
    most = [hashes for hashes, count in counts.items() if count >= enough]
    if len(most) != 1:
        raise _different()
    return most[0]


def _different() -> Conflict:
    return Conflict("the nodes have kept different sums of this training: begin it again as a new request")


def _number(party: str, message: bytes | bytearray) -> int:
    number = int.from_bytes(message, "little")
    if len(message) != 4 or number > MAX_SUMS:
        raise Malformed(f"{party} says how far it got in no number", culprits=(party,))
    return number
