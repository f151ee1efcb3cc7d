"""Audit: are all stored shares on one polynomial of degree k-1?  Nothing is opened.

Model       malicious; private authenticated channels; at least k+1 participants, or there would be nothing to check.
Rounds      4.   Sends three masked combinations to everybody, after a random dealing of as many elements.
Reveals     whose share is off: proven with k+2b participants, a suspicion with fewer, nobody with k+1.
Follows     batch verification by random combinations; Reed-Solomon decoding (Gao 2003).
Differs     masks are dealt and checked first: unmasked, the combination would tell something of the stored values, and
            with it shares of two epochs could be brought together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from steelyard.digest import digest
from steelyard.errors import Cheated, Invalid
from steelyard.field import Vector, add, from_bytes, to_bytes
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.deal_random import deal_random
from steelyard.protocols.disputes import blaming
from steelyard.protocols.greet import Greeting
from steelyard.protocols.testimony import Scheme
from steelyard.rounds import Protocol, broadcast
from steelyard.sharing.combination import CHALLENGES, combine
from steelyard.sharing.polynomials import Code
from steelyard.sharing.robust import consistent, deviants

MASKS: Final = "audit"


@dataclass(frozen=True, slots=True)
class Audit:
    """`wrong`: proven, if no more than the assumed liars are; `suspected`: if as few as possible are."""

    sound: bool
    wrong: tuple[PartyId, ...]
    suspected: tuple[PartyId, ...]
    checks: str  # digest of what was compared

    def error(self, participants: tuple[PartyId, ...]) -> Cheated:
        text = "the stored shares do not fit together" + (
            "" if self.wrong else "; which of them are wrong is not proven"
        )
        return Cheated(text, culprits=self.wrong, suspects=() if self.wrong else self.suspected or participants)


def audit(
    attempt: Attempt,
    greeting: Greeting,
    context: str,
    threshold: int,
    share: Vector,
) -> Protocol[Audit]:
    """`context`: digest of the certificate of the epoch that is audited; `share`: my whole share, padding included."""
    if len(attempt.participants) <= threshold:
        raise Invalid(f"an audit takes {threshold + 1} holders: with fewer any shares fit together")
    code = masks(attempt.points, threshold)
    about = digest("audit", bytes.fromhex(context)).hex()
    scheme = Scheme(about, attempt.attempt, attempt.participants, (code,))
    dealt = yield from deal_random(attempt, greeting, scheme)
    return (yield from compare(attempt, code, dealt.transcript, dealt.shares[MASKS], share))


def masks(points: Mapping[PartyId, int], threshold: int) -> Code:
    """Three random values that nobody knows, shared like what is audited."""
    return Code(MASKS, points, threshold, CHALLENGES, secret=MASKS)


def compare(
    attempt: Attempt, code: Code, transcript: str, mask: Vector | None, share: Vector | None
) -> Protocol[Audit]:
    """Masked combinations of the shares of all in `code`, to all participants; without a share I only look on."""
    challenge = digest("audit-challenge", bytes.fromhex(transcript))
    said = _combined(challenge, mask, share)
    received = yield broadcast("audit", said, attempt.others)
    heard = {attempt.me: said, **received}
    values: dict[int, Vector] = {}
    for party in sorted(code.points):
        with blaming(party):
            values[code.points[party]] = from_bytes(heard[party][1:], CHALLENGES)
    checks = digest("audited", *(bytes(heard[party]) for party in sorted(heard))).hex()
    if consistent(values, code.threshold):
        return Audit(True, (), (), checks)
    wrong = _named(code, deviants(values, code.threshold, attempt.liars))
    likely = _named(code, deviants(values, code.threshold, (len(values) - code.threshold) // 2))
    return Audit(False, wrong, likely, checks)


def _combined(challenge: bytes, mask: Vector | None, share: Vector | None) -> bytes:
    """Behind a byte, so that it is never empty."""
    if mask is None or share is None:
        return b"\x00"
    return b"\x01" + to_bytes(add(combine(challenge, share), mask))


def _named(code: Code, points: tuple[int, ...] | None) -> tuple[PartyId, ...]:
    return tuple(sorted(party for party, point in code.points.items() if point in (points or ())))
