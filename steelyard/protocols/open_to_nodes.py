"""Opening to the nodes: every participant learns a shared vector.

Model       malicious, at most b = k-1 liars among r replies: corrected and named when r >= k+2b, otherwise detected
            up to r-k of them.  At least k+1 replies, unless there are only k participants.
Rounds      1.   Sends the vector to everybody.
Reveals     the vector, to all participants.
Follows     Reed-Solomon decoding (Gao 2003), as in steelyard.sharing.robust.
Differs     vectors are tested by random combinations first (steelyard.sharing.robust).
"""

from __future__ import annotations

from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming, usable
from steelyard.rounds import Protocol, broadcast
from steelyard.sharing.robust import Opened, open_robustly


def open_to_nodes(attempt: Attempt, step: str, share: Vector) -> Protocol[Opened]:
    enough = min(attempt.threshold, len(attempt.others))  # one reply more than it takes, or no lie would be noticed
    received = yield broadcast(step, to_bytes(share), attempt.others, enough)

    def read(party: PartyId, message: bytes | bytearray) -> Vector:
        with blaming(party):
            return from_bytes(message, len(share))

    shares = usable(received, enough, read)
    return open_robustly({**shares, attempt.me: share}, attempt.points, attempt.threshold, attempt.liars)
