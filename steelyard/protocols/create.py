"""Creation of a stored sharing: what contributors dealt, with padding, becomes the share that everybody keeps.

Model       malicious, at most b participants; private authenticated channels; all participants become holders.
Rounds      4, after the dealing of inputs.   Sends a random dealing of four values, then a vote.
Reveals     a digest of each share, which the padding hides.
Follows     steelyard.protocols.deal_inputs and steelyard.protocols.vote.
Differs     it is the change from nothing to the first epoch, decided like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from steelyard.epochs.change import Change
from steelyard.field import Vector
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.deal_random import deal_random
from steelyard.protocols.greet import Greeting
from steelyard.protocols.testimony import Scheme
from steelyard.protocols.units import about, joined
from steelyard.protocols.vote import Ballot, Votes, spoiling, vote
from steelyard.rounds import Protocol
from steelyard.sharing.polynomials import Code

PADDING: Final = 4  # random values behind the data, which are never opened: a digest of the share says nothing then
_PADDING: Final = "padding"


def create(
    attempt: Attempt,
    greeting: Greeting,
    change: Change,
    held: Mapping[PartyId, Vector],
    transcript: str,
    ballot: Ballot,
) -> Protocol[Votes]:
    """`held` and `transcript`: the outputs of `deal_inputs`.  A share is their vectors one after the other, padded.

    The caller has begun the change on the machine, greeted, and erases the keys of the attempt.
    """
    with spoiling(ballot):
        # 1. Random values that nobody knows.
        code = Code(_PADDING, attempt.points, change.new.threshold, PADDING, secret=_PADDING)
        context = about(change.digest, "create", transcript)
        scheme = Scheme(context, attempt.attempt, attempt.participants, (code,))
        dealt = yield from deal_random(attempt, greeting, scheme, ballot.abort)
        share = np.concatenate([*held.values(), dealt.shares[_PADDING]])
        said = joined([transcript, dealt.transcript])
    # 2. Durable, then voted for.
    return (yield from vote(attempt, change, ballot, share, said, joined([said, dealt.checks])))
