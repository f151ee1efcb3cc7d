"""Refresh: all holders get new shares of the same values; old and new shares have nothing to do with each other.

Model       malicious, at most b voters; private authenticated channels; at least max(k+b, n-k+1) voters.
Rounds      3 for every 2^18 values, and 2.   Sends n-k vectors per voter, then a few elements, then a vote.
Reveals     nothing: combinations are masked before they are compared.
Follows     proactive secret sharing (Herzberg, Jarecki, Krawczyk, Yung 1995), with batched checks for commitments.
Differs     the new shares are audited before anybody votes, and the old ones are erased only by the certificate of all
            votes (steelyard.epochs).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from steelyard.epochs.change import Change
from steelyard.field import Vector, add
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.audit import MASKS, compare, masks
from steelyard.protocols.deal_random import deal_random
from steelyard.protocols.greet import Greeting
from steelyard.protocols.testimony import Scheme
from steelyard.protocols.units import about, joined, units
from steelyard.protocols.vote import Ballot, Votes, spoiling, vote
from steelyard.rounds import Protocol
from steelyard.sharing.polynomials import Code

_ZERO: Final = "zero"


def refresh(
    attempt: Attempt,
    greeting: Greeting,
    change: Change,
    share: Vector,
    ballot: Ballot,
) -> Protocol[Votes]:
    """`share`: mine of the base, whole; `attempt` is among the voters, and begun on the machine.  Raises Cheated."""
    said: list[str] = []
    masking = masks(attempt.points, change.new.threshold)
    fresh = np.empty_like(share)
    with spoiling(ballot):
        # 1. Everybody deals sharings of zero; their sum is added to the old share.
        for unit, name in units(share.size):
            zero = Code(_ZERO, attempt.points, change.new.threshold, unit.stop - unit.start)
            context = about(change.digest, "refresh", name)
            scheme = Scheme(context, attempt.attempt, attempt.participants, (zero, masking))
            dealt = yield from deal_random(attempt, greeting, scheme, ballot.abort)
            fresh[unit] = add(share[unit], dealt.shares[_ZERO])
            said += [dealt.transcript, dealt.checks]
        # 2. The new shares must be on one polynomial.
        transcript = joined(said)
        audited = yield from compare(attempt, masking, transcript, dealt.shares[MASKS], fresh)
        if not audited.sound:
            raise audited.error(attempt.participants)
    # 3. Durable, then voted for.
    return (yield from vote(attempt, change, ballot, fresh, transcript, joined([transcript, audited.checks])))
