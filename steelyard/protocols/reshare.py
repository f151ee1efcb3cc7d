"""Resharing: the values of one committee become those of another, with other holders or another threshold.

Model       malicious, at most b voters; private authenticated channels; a quorum of old holders and all new ones.
Rounds      4 for every 2^18 values, and 2.   Sends two dealings per old holder, its masked share to new ones, a vote.
Reveals     nothing: what the new holders open is hidden by a random value that nobody knows.
Follows     double sharings (Damgard, Nielsen 2007) in place of resharing of shares (Desmedt, Jajodia 1997).
Differs     what is dealt does not depend on the shares, so a dealing that was found bad can be opened by its dealer.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steelyard.epochs.change import Change
from steelyard.errors import Cheated
from steelyard.field import Vector, add, from_bytes, subtract, to_bytes
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.audit import MASKS, compare, masks
from steelyard.protocols.deal_random import Dealt, deal_random
from steelyard.protocols.disputes import usable
from steelyard.protocols.greet import Greeting
from steelyard.protocols.testimony import Scheme
from steelyard.protocols.units import about, joined, units
from steelyard.protocols.vote import Ballot, Votes, spoiling, vote
from steelyard.rounds import Protocol, Round
from steelyard.sharing.polynomials import Code
from steelyard.sharing.robust import open_robustly

_OLD, _NEW, _SECRET = "old", "new", "masking"
Points = Mapping[PartyId, int]


def reshare(
    attempt: Attempt,
    greeting: Greeting,
    change: Change,
    share: Vector | None,
    size: int,
    ballot: Ballot,
) -> Protocol[Votes]:
    """`share`: mine of the base, None if I am new; `size`: its length, padding included.  Raises Cheated.

    Participants are the voters: the old holders who take part, and all new ones.
    """
    said: list[str] = []
    old, new = _points(attempt, change.old.points if change.old else {}), _points(attempt, change.new.points)
    masking = masks(new, change.new.threshold)
    fresh = np.empty(size, dtype=np.uint64) if attempt.me in new else None
    with spoiling(ballot):
        for unit, name in units(size):
            # 1. Old holders deal random values to both committees.
            context = about(change.digest, "reshare", name)
            codes = (*_double(change, old, new, unit.stop - unit.start), masking)
            scheme = Scheme(context, attempt.attempt, tuple(old), codes)
            dealt = yield from deal_random(attempt, greeting, scheme, ballot.abort)
            said += [dealt.transcript, dealt.checks]
            # 2. They open their shares to the new ones, masked by these; who is new takes the mask away.
            piece = share[unit] if share is not None else None
            opened = yield from _pass_on(attempt, change, old, new, piece, dealt)
            if fresh is not None and opened is not None:
                fresh[unit] = subtract(opened, dealt.shares[_NEW])
        # 3. The new shares must be on one polynomial.
        transcript = joined(said)
        audited = yield from compare(attempt, masking, transcript, dealt.shares.get(MASKS), fresh)
        if not audited.sound:
            raise audited.error(attempt.participants)
    # 4. Durable, then voted for; the vote of who leaves releases its old share.
    return (yield from vote(attempt, change, ballot, fresh, transcript, joined([transcript, audited.checks])))


def _points(attempt: Attempt, points: Mapping[str, int]) -> Points:
    return {party: points[party] for party in attempt.participants if party in points}


def _double(change: Change, old: Points, new: Points, length: int) -> tuple[Code, Code]:
    threshold = change.old.threshold if change.old else 0
    return (
        Code(_OLD, old, threshold, length, secret=_SECRET),
        Code(_NEW, new, change.new.threshold, length, secret=_SECRET),
    )


def _pass_on(
    attempt: Attempt, change: Change, old: Points, new: Points, share: Vector | None, dealt: Dealt
) -> Protocol[Vector | None]:
    """The values, each masked by one that nobody knows; None to who is not to hold a share."""
    mine, messages, hear = {}, {}, frozenset[PartyId]()
    if attempt.me in old and share is not None:
        mine[attempt.me] = add(share, dealt.shares[_OLD])
        messages = dict.fromkeys(set(new) - {attempt.me}, to_bytes(mine[attempt.me]))
    if attempt.me in new:
        hear = frozenset(old) - {attempt.me}
    received = yield Round("pass on", messages, hear)
    if attempt.me not in new or change.old is None:
        return None
    count = dealt.shares[_NEW].size

    def read(party: PartyId, message: bytes | bytearray) -> Vector:
        return from_bytes(message, count)

    shares = {**mine, **usable(received, change.old.threshold, read)}
    opened = open_robustly(shares, old, change.old.threshold, change.liars)
    if not opened.verified and change.liars:
        raise Cheated("too few old holders passed on a share to tell a lie", suspects=sorted(old))
    return opened.value
