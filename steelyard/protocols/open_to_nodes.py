"""Opening to the nodes: every participant learns a shared vector.

Model       malicious, at most b = k-1 liars among r replies: corrected and named when r >= k+2b, otherwise detected
            up to r-k of them; with exactly k replies no lie is noticed.
Rounds      1.   Sends the vector to everybody.
Reveals     the vector, to all participants.
Follows     Reed-Solomon decoding (Gao 2003), as in steelyard.sharing.robust.
Differs     vectors are tested by random combinations first (steelyard.sharing.robust).
"""

from __future__ import annotations

from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming
from steelyard.rounds import Protocol, broadcast
from steelyard.sharing.robust import Opened, open_robustly


def open_to_nodes(attempt: Attempt, step: str, share: Vector) -> Protocol[Opened]:
    received = yield broadcast(step, bytes(to_bytes(share)), attempt.others, enough=attempt.threshold - 1)
    shares = {attempt.me: share}
    for party, message in received.items():
        with blaming(party):
            shares[party] = from_bytes(message, len(share))
    return open_robustly(shares, attempt.points, attempt.threshold, attempt.liars)
