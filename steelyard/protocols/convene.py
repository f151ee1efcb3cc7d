"""Convening: the participants of an attempt become a circle that can multiply and compare.

Model       semi-honest, at most k-1 nodes; private authenticated channels.
Rounds      1, or 0 when no group of receivers has several members.   Sends 32 bytes per group to each member.
Reveals     nothing.
Follows     Cramer, Damgard, Ishai 2005: keys for groups, here for every dealer and group of n-k receivers.
Differs     keys are fresh for the attempt, and travel under its pairwise keys inside the channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from steelyard.errors import Malformed
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.circle import Circle
from steelyard.randomness import KEY_BYTES, Keystream, token
from steelyard.rounds import Protocol, Round
from steelyard.sharing.attempt_keys import AttemptKeys
from steelyard.sharing.bit_dealing import plan
from steelyard.sharing.streams import Among, Streams

_ROOTS, _SEEDS = "streams", "seeds"


def convene(attempt: Attempt, keys: AttemptKeys) -> Protocol[Circle]:
    """`keys` have been agreed on with everybody."""
    # 1. The keys that each pair has agreed on already.
    roots = dict(_pairwise(attempt, keys))
    # 2. A seed for each group that I deal to, to its members.
    seeds = {among: token(KEY_BYTES) for among in _groups(attempt, attempt.me)}
    if seeds:
        messages = {party: _sealed(attempt, keys, party, seeds) for party in attempt.others}
        received = yield Round("seeds", messages, frozenset(attempt.others))
        # 3. Take those of the groups that I am a member of.
        for dealer in attempt.others:
            seeds |= _opened(attempt, keys, dealer, received[dealer])
    streams = Streams(roots | seeds)
    return Circle(attempt.me, attempt.participants, attempt.points, attempt.threshold, streams)


def _pairwise(attempt: Attempt, keys: AttemptKeys) -> Iterator[tuple[Among, bytes]]:
    for other in attempt.others:
        for dealer, receiver in ((attempt.me, other), (other, attempt.me)):
            yield (dealer, frozenset({receiver})), keys.stream_key(_ROOTS, dealer, receiver)


def _groups(attempt: Attempt, dealer: PartyId) -> list[Among]:
    """Those with several receivers; the others use the pairwise keys."""
    parties = attempt.participants
    groups = dict.fromkeys(plan(len(parties), attempt.threshold, parties.index(dealer) + 1).groups)
    named = [frozenset(parties[position - 1] for position in group) for group in groups if len(group) > 1]
    return [(dealer, group) for group in named]


def _sealed(attempt: Attempt, keys: AttemptKeys, to: PartyId, seeds: Mapping[Among, bytes]) -> bytes:
    mine = b"".join(seeds[among] for among in _groups(attempt, attempt.me) if to in among[1])
    return _masked(keys.stream_key(_SEEDS, attempt.me, to), mine)


def _opened(attempt: Attempt, keys: AttemptKeys, dealer: PartyId, message: bytes | bytearray) -> dict[Among, bytes]:
    groups = [among for among in _groups(attempt, dealer) if attempt.me in among[1]]
    if len(message) != KEY_BYTES * len(groups):
        raise Malformed(f"{dealer} sent another number of seeds than there are groups", culprits=(dealer,))
    plain = _masked(keys.stream_key(_SEEDS, dealer, attempt.me), message)
    return {among: plain[KEY_BYTES * i : KEY_BYTES * (i + 1)] for i, among in enumerate(groups)}


def _masked(key: bytes, message: bytes | bytearray) -> bytes:
    stream = Keystream(key).bytes(len(message))
    return bytes(a ^ b for a, b in zip(message, stream, strict=True))
