"""Secure sum: every party deals a vector, all learn the sum over those who stayed; nobody else, and nothing more.

Model       malicious, at most k-1 nodes, for dealings and openings; a liar can leave honest parties out of the sum, but
            not bring it below the least number of parties.  What a party deals is what its owner says.
Rounds      4 (6 from 16384 values on).   Sends n-k vectors and R elements per dealing, two signatures, then the share
            of the sum to everybody (from 16384 values on about 2/n of that, and of each vector a w-th part).
Reveals     to all participants: the sum, and who is in it.  Where not all must be in it (`whole`), the part of who
            drops out is the difference of two exact sums.
Follows     K. Bonawitz et al., CCS 2017, for what must hold: agreement on the survivors, one opening, enough of them.
Differs     shares instead of masks: no second kind of secret that could be asked for, and no recovery of keys when
            somebody drops out, for any k shares open the sum; k+w-1 where w values are packed into one (M. Franklin,
            M. Yung, STOC 1992), which is less than a quorum.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from typing import Protocol as Interface

import numpy as np
from cryptography.exceptions import InvalidSignature

from steelyard.digest import digest, frame
from steelyard.documents.attempt import DealingHeader, Survivors
from steelyard.documents.signed import Signed, from_wire, sign, to_wire
from steelyard.errors import Cheated, Conflict, Failed, GroupTooSmall, Malformed
from steelyard.field import Vector, from_bytes, to_bytes, total, uniform
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming, usable
from steelyard.protocols.open_slices import SLICED, open_slices
from steelyard.protocols.open_to_nodes import open_to_nodes
from steelyard.randomness import Randomness
from steelyard.rounds import Inbox, Protocol, Round, broadcast
from steelyard.sharing import packed, seeded
from steelyard.sharing.attempt_keys import AttemptKeys
from steelyard.sharing.combination import BEHIND, CHALLENGES, masked
from steelyard.sharing.robust import Opened, consistent, deviants

LEAST: Final = 3  # parties in a sum: of two, each knows the other's part
_HASH: Final = 32
_ABSENT: Final = bytes(_HASH)
_MASK: Final = 4  # bytes, a bit for each of at most 31 parties


class Votes(Interface):
    """Where a node remembers for which survivors of which sum it voted; beyond the attempt, for a run that resumes."""

    def enter(self, step: str, survivors: Sequence[PartyId], after: bytes) -> None:
        """Durably.  Raises Conflict when other survivors, or another past, were entered for this step before."""

    def voted(self, step: str) -> tuple[PartyId, ...]:
        """The survivors that were entered for this step, none if it never came so far."""


@dataclass(frozen=True, slots=True)
class Summed:
    """The sum over `survivors`, and what the opening found (`Opened`)."""

    survivors: tuple[PartyId, ...]
    opened: Opened


@dataclass(slots=True)
class SecureSums:
    """The sums of one attempt, one after the other, each under a name of its own; who misses one is out of the rest.

    `dealers` are those with something to add; every participant holds shares.  With `whole` no sum is formed without
    one of them: the same sum, formed with it at another time, would differ by its part.
    """

    attempt: Attempt
    keys: AttemptKeys
    dealers: tuple[PartyId, ...]
    randomness: Randomness = field(repr=False)
    minimum_group: int = LEAST
    votes: Votes | None = None
    whole: bool = False
    present: set[PartyId] = field(init=False)
    _used: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.present = set(self.attempt.participants)

    @property
    def least(self) -> int:
        """How many parties must be in a sum: k-1 of them together must not see through it, either."""
        return max(LEAST, self.minimum_group, self.attempt.threshold + 1)

    @property
    def others(self) -> frozenset[PartyId]:
        return frozenset(self.present) - {self.attempt.me}

    def add_up(self, step: str, mine: Vector | None, size: int, after: bytes = b"") -> Protocol[Summed]:
        """The sum of vectors of `size` elements; `mine` is None at a party with nothing to add, `after` a digest of all
        that the vectors depend on beside the parties' own data: a step is opened after one past only, in any attempt.

        Raises Conflict for a step that was opened before, GroupTooSmall when too few are left, Failed when the nodes do
        not agree on who is in the sum: then nothing of it has been opened.
        """
        if step in self._used:
            raise Conflict("a sum is opened once")
        self._used.add(step)
        # 1. Deal my vector with salt and R masks behind it, under a signed header; take what was dealt to me.
        dealt = _Dealt(self, step, size)
        received = yield self._deal(dealt, mine)
        for dealer, message in received.items():
            dealt.take(dealer, message)
        # 2. Tell everybody whom I have heard, with a masked random combination of each dealing.
        summary = dealt.summary() + self._mask(self.votes.voted(step) if self.votes else ())
        heard = yield broadcast("heard", summary, self.others, self._quorum)
        there, voted = dealt.agreed(summary, heard)
        survivors = tuple(party for party in there if party in voted)
        # 3. Sign the list of those whom all have heard and whose dealings are sharings; wait for a quorum.
        self._check_group(survivors)
        yield from self._vote(step, dealt, survivors, after)
        self.present &= {*heard, self.attempt.me}
        # 4. Open the sum of their dealings.
        share = total([dealt.shares[party][: dealt.length] for party in survivors])
        holders = self._holders(there, dealt.threshold)
        opened = yield from self._open(dealt, holders, share)
        self.present &= {*holders.participants}
        return Summed(survivors, opened)

    def _open(self, dealt: _Dealt, holders: Attempt, share: Vector) -> Protocol[Opened]:
        if dealt.size < SLICED:
            return (yield from open_to_nodes(holders, "sum", share))
        opened = yield from open_slices(holders, "sum", share, packed.anchors(dealt.width))
        return replace(opened, value=opened.value[: dealt.size])

    def width(self, size: int) -> int:
        """How many rows a vector of so many elements is packed into; the same at all participants."""
        it = self.attempt
        return packed.widest(len(it.participants), it.threshold, it.liars, it.quorum) if size >= SLICED else 1

    @property
    def _quorum(self) -> int:
        return self.attempt.quorum - 1

    def mask(self, parties: Collection[PartyId]) -> int:
        """Which of the dealers these are, as bits."""
        return sum(1 << at for at, dealer in enumerate(self.dealers) if dealer in parties)

    def _mask(self, parties: Collection[PartyId]) -> bytes:
        return self.mask(parties).to_bytes(_MASK, "little")

    def _holders(self, there: Sequence[PartyId], threshold: int) -> Attempt:
        """The attempt among those who hold a share of the sum: the same set at all of them, dead or alive."""
        attempt = self.attempt
        left = tuple(party for party in attempt.participants if party in there or party not in self.dealers)
        if attempt.me not in left:
            raise Failed(f"{attempt.me} was too late for a sum and is left out; the next attempt takes it in again")
        points = {party: attempt.points[party] for party in left}
        return replace(attempt, participants=left, points=points, threshold=threshold)

    def _deal(self, dealt: _Dealt, mine: Vector | None) -> Round:
        hear = self.others & set(self.dealers)
        messages = dealt.deal(mine) if mine is not None else {}
        return Round("summand", messages, hear, min(self.least - (mine is not None), len(hear)), True)

    def _check_group(self, survivors: Sequence[PartyId]) -> None:
        if len(self.dealers) < self.least:
            raise GroupTooSmall(f"{len(self.dealers)} parties would be in the sum; at least {self.least} must be")
        gone = [dealer for dealer in self.dealers if dealer not in survivors]
        if self.whole and gone:
            raise Failed(
                f"{', '.join(gone)} dropped out, and exact sums with and without one party show its part: the run goes"
                " on when all are back; others go on with noise, or where all policies say dropouts_in_training"
            )
        if len(survivors) < self.least:
            raise Failed(
                f"{', '.join(gone)} dropped out, and a sum is over {self.least} parties at least: the run goes on when"
                " they are back"
            )

    def _vote(self, step: str, dealt: _Dealt, survivors: tuple[PartyId, ...], after: bytes) -> Protocol[None]:
        attempt = self.attempt
        document = Survivors(
            computation=attempt.computation,
            attempt=attempt.attempt,
            step=step,
            survivors=survivors,
            headers=digest("survivors", after, *(dealt.headers[party] for party in survivors)).hex(),
        )
        if self.votes:
            self.votes.enter(step, survivors, after)
        mine = sign(document, attempt.me, attempt.signing)
        received = yield broadcast("survivors", mine.signature, self.others, self._quorum)
        message = frame("signature", Survivors.KIND.encode(), mine.payload)

        def read(party: PartyId, signature: bytes | bytearray) -> None:
            try:
                attempt.keys[party].verify(bytes(signature), message)
            except InvalidSignature:
                raise Cheated("another list", suspects=(party,)) from None

        try:
            agreeing = usable(received, self._quorum, read)
        except Cheated as complaint:
            # Somebody who died while speaking is no cheat: parties may have heard different things.
            raise Failed(
                f"the nodes do not agree on who is in the sum; {complaint.suspects[0]} says otherwise"
            ) from None
        if len(agreeing) < self._quorum:
            raise Failed("too few nodes agree on who is in the sum")


@dataclass(slots=True)
class _Dealt:
    """What was dealt for one sum, as one party holds it."""

    sums: SecureSums
    step: str
    size: int
    headers: dict[PartyId, bytes] = field(default_factory=dict)  # digests
    shares: dict[PartyId, Vector] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> str:
        return f"secure sum/{self.step}"

    @property
    def width(self) -> int:
        return self.sums.width(self.size)

    @property
    def length(self) -> int:
        """Of a share, without the salt and masks behind it."""
        return packed.length(self.size, self.width)

    @property
    def threshold(self) -> int:
        """How many shares open the sum."""
        return self.sums.attempt.threshold + self.width - 1

    def deal(self, mine: Vector) -> dict[PartyId, bytes]:
        """My messages."""
        attempt = self.sums.attempt
        secrets = [np.concatenate([row, self._behind()]) for row in packed.rows(mine, self.width)]
        receivers = seeded.seeded_receivers(attempt.me, attempt.participants, attempt.threshold)
        keys = {party: self.sums.keys.stream_key(self.path, attempt.me, party) for party in receivers}
        dealing = packed.deal(secrets, attempt.me, attempt.points, attempt.threshold, keys)
        bodies = {party: to_bytes(vector) for party, vector in dealing.explicit.items() if party in self.sums.present}
        said: dict[str, str] = {
            party: self._commitment(attempt.me, party, keys.get(party) or bodies.get(party, b""))
            for party in attempt.others
        }
        header = DealingHeader(
            computation=attempt.computation,
            attempt=attempt.attempt,
            dealer=attempt.me,
            length=self.length + BEHIND,
            commitments=said,
        )
        signed = sign(header, attempt.me, attempt.signing)
        self.headers[attempt.me], self.shares[attempt.me] = signed.digest, dealing.own
        front = to_wire(signed)
        return {
            party: b"".join((len(front).to_bytes(4, "little"), front, bodies.get(party, b"")))
            for party in self.sums.others
        }

    def _behind(self) -> Vector:
        return uniform(self.sums.randomness, BEHIND)

    def take(self, dealer: PartyId, message: bytes | bytearray) -> None:
        """A dealing that is not what it says counts as none."""
        try:
            with blaming(dealer):
                signed, share = self._read(dealer, message)
        except Cheated:
            return
        self.headers[dealer], self.shares[dealer] = signed.digest, share

    def _read(self, dealer: PartyId, message: bytes | bytearray) -> tuple[Signed, Vector]:
        attempt, size = self.sums.attempt, self.length + BEHIND
        view = memoryview(message)
        front = int.from_bytes(view[:4], "little")
        signed = from_wire(bytes(view[4 : 4 + front]))
        header, body = signed.open(DealingHeader, {dealer: attempt.keys[dealer]}), view[4 + front :]
        if (header.dealer, header.computation, header.attempt, header.length) != (
            dealer,
            attempt.computation,
            attempt.attempt,
            size,
        ):
            raise Malformed(f"{dealer} signed a header for another dealing", culprits=(dealer,))
        if attempt.me in seeded.seeded_receivers(dealer, attempt.participants, attempt.threshold):
            key = self.sums.keys.stream_key(self.path, dealer, attempt.me)
            said, share = self._commitment(dealer, attempt.me, key), seeded.expand(key, size)
        else:
            said, share = self._commitment(dealer, attempt.me, body), from_bytes(body, size)
        if header.commitments.get(attempt.me) != said:
            raise Malformed(f"what {dealer} dealt is not what its signed header says", culprits=(dealer,))
        return signed, share

    def _commitment(self, dealer: PartyId, receiver: PartyId, content: bytes | memoryview) -> str:
        return digest("summand", self.step.encode(), dealer.encode(), receiver.encode(), content).hex()

    def summary(self) -> bytes:
        """Per dealer the digest of its header, zeros where there is none, and my combinations of its dealing."""
        return b"".join(self._line(dealer) for dealer in self.sums.dealers)

    def _line(self, dealer: PartyId) -> bytes:
        if dealer not in self.shares:
            return _ABSENT + bytes(8 * CHALLENGES)
        share, header = self.shares[dealer], self.headers[dealer]
        return header + to_bytes(masked(digest("summand-challenge", header), share))

    def agreed(self, mine: bytes, heard: Inbox) -> tuple[tuple[PartyId, ...], tuple[PartyId, ...]]:
        """The dealers whom all have heard alike, and whose dealings are sharings; and those to whom votes of an earlier
        attempt bind this sum: that over others must not be opened beside it.
        """
        lines, votes = {self.sums.attempt.me: self._lines(mine)}, [_voted(mine)]
        for party, message in heard.items():
            with blaming(party):
                lines[party] = self._lines(message)
            votes.append(_voted(message))
        there = tuple(dealer for at, dealer in enumerate(self.sums.dealers) if self._good(dealer, at, lines))
        bound = tuple(p for at, p in enumerate(self.sums.dealers) if all(vote >> at & 1 for vote in votes if vote))
        return there, bound

    def _lines(self, message: bytes | bytearray) -> list[tuple[bytes, Vector]]:
        length = _HASH + 8 * CHALLENGES
        if len(message) != length * len(self.sums.dealers) + _MASK:
            raise Malformed("a list of another length")
        parts = [bytes(message[start : start + length]) for start in range(0, len(message) - _MASK, length)]
        return [(part[:_HASH], from_bytes(part[_HASH:], CHALLENGES)) for part in parts]

    def _good(self, dealer: PartyId, at: int, lines: Mapping[PartyId, list[tuple[bytes, Vector]]]) -> bool:
        attempt, threshold = self.sums.attempt, self.threshold
        if dealer not in self.headers or any(line[at][0] != self.headers[dealer] for line in lines.values()):
            return False
        values: dict[int, Any] = {attempt.points[party]: line[at][1] for party, line in lines.items()}
        # A holder who lies is corrected when the sum is opened; where it cannot be told who lies, the dealer is out.
        return consistent(values, threshold) or deviants(values, threshold, attempt.liars) is not None


def _voted(message: bytes | bytearray) -> int:
    return int.from_bytes(message[-_MASK:], "little")
