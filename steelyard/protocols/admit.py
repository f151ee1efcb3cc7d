"""Admission of contributions: nodes agree on those that all of them hold; a bad dealing is noticed before any use.

Model       malicious, at most k-1 of the participants and any number of contributors; private authenticated channels.
Rounds      2.   Sends 32 bytes and then R elements a contribution to everybody.
Reveals     which contributions each node holds, to the nodes; of a vector nothing: each combination is masked,
            each hash salted.
Follows     batch verification by random combinations (Bellare, Garay, Rabin 1998), as in deal_inputs.
Differs     the dealer is not there, and may be judged in many computations: the challenge is the hash of its signed
            header alone, which fixes every share.  So the same masked combination is opened every time; challenges that
            change would open another one under the same mask, and two of these tell something of the vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from steelyard.digest import digest
from steelyard.errors import Cheated, Malformed
from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import Disputes, blaming, judge
from steelyard.rounds import Inbox, Protocol, broadcast
from steelyard.sharing.combination import BEHIND, CHALLENGES, masked
from steelyard.sharing.robust import consistent

_HASH: Final = 32
_FRONT: Final = b"\0"  # so that a list of none is a message, too


@dataclass(frozen=True, slots=True)
class Held:
    """One contributor's vector as a node holds it: the signed header's digest; a share that ends with salt, masks."""

    digest: bytes
    share: Vector = field(repr=False)
    sponsor: str = ""

    @property
    def name(self) -> bytes:
        """What must be the same at all who hold it; the challenge is of the header alone."""
        return digest("contribution-held", self.digest, self.sponsor.encode())


@dataclass(frozen=True, slots=True)
class Admitted:
    """My shares, without salt or masks, of what all hold; `waiting`: whose contributions some do not have yet."""

    shares: Mapping[PartyId, Vector] = field(repr=False)
    waiting: tuple[PartyId, ...]
    elsewhere: int  # contributions that somebody holds but not all, the same number at all participants
    transcript: str  # hex digest of all that was admitted, the same at all participants


def admit(attempt: Attempt, held: Mapping[PartyId, Held], threshold: int) -> Protocol[Admitted]:
    """`threshold` is that of the contributions, by their headers: the manifest's, whatever the attempt's is.

    Raises Cheated; contributors among the culprits dealt what no lying holders explain, one among the suspects stands
    beside the holders that may have lied about it.
    """
    # 1. Everybody tells everybody what it holds.
    mine = b"".join([_FRONT, *sorted(each.name for each in held.values())])
    received = yield broadcast("contributions", mine, attempt.others)
    lists = _lists(attempt, mine, received)
    common = sorted(frozenset.intersection(*(frozenset(each) for each in lists.values())))
    fixed = b"".join(digest("contributions-held", *lists[party]) for party in attempt.participants)
    # 2. One masked combination of each that all hold, to everybody.
    who = {each.name: contributor for contributor, each in held.items()}
    shares = {who[each]: held[who[each]].share for each in common}
    combined = [masked(digest("contribution-challenge", held[who[each]].digest), shares[who[each]]) for each in common]
    combinations = np.concatenate([np.empty(0, dtype=np.uint64), *combined])
    checks = yield broadcast("contributions-check", fixed + to_bytes(combinations), attempt.others)
    # 3. Everybody heard the same, and all points of each contribution lie on one polynomial of degree k-1.
    values = {attempt.me: combinations} | _heard(attempt, fixed, combinations.size, checks)
    _check(attempt, threshold, [who[each] for each in common], values)
    return Admitted(
        {contributor: share[:-BEHIND] for contributor, share in sorted(shares.items())},
        tuple(sorted(held.keys() - shares.keys())),
        len(frozenset().union(*lists.values())) - len(common),
        digest("contributions-admitted", *common).hex(),
    )


def _lists(attempt: Attempt, mine: bytes, received: Inbox) -> dict[PartyId, list[bytes]]:
    lists = {attempt.me: _digests(mine)}
    for party, message in received.items():
        with blaming(party):
            lists[party] = _digests(bytes(message))
    return lists


def _digests(message: bytes) -> list[bytes]:
    """In ascending order, each once: there is one way to tell a set."""
    found = [message[at : at + _HASH] for at in range(len(_FRONT), len(message), _HASH)]
    if (
        message[: len(_FRONT)] != _FRONT
        or len(message) % _HASH != len(_FRONT)
        or any(one >= other for one, other in pairwise(found))
    ):
        raise Malformed("a list of contributions that is none")
    return found


def _heard(attempt: Attempt, fixed: bytes, size: int, checks: Inbox) -> dict[PartyId, Vector]:
    disputes = Disputes(attempt.liars)
    for party, message in checks.items():
        disputes.compare(attempt.participants, party, fixed, message)
    if disputes:
        raise disputes.error("the parties were not all told the same of the contributions they hold")
    combinations: dict[PartyId, Vector] = {}
    for party, message in checks.items():
        with blaming(party):
            combinations[party] = from_bytes(memoryview(message)[len(fixed) :], size)
    return combinations


def _check(attempt: Attempt, threshold: int, contributors: Sequence[PartyId], values: Mapping[PartyId, Vector]) -> None:
    """Contributors are not counted among the liars reckoned with: any number of them may belong to one sponsor."""
    points = attempt.points
    if consistent({points[party]: each for party, each in values.items()}, threshold):  # all at once
        return
    culprits: set[PartyId] = set()
    suspects: set[PartyId] = set()
    for index, contributor in enumerate(contributors):
        part = slice(index * CHALLENGES, (index + 1) * CHALLENGES)
        found = judge({party: each[part] for party, each in values.items()}, points, threshold, attempt.liars)
        if found.dealer:
            culprits.add(contributor)
        elif found.off or found.untraced:
            suspects |= {contributor, *(found.off or attempt.participants)}
    text = "a contribution is not a sharing of one vector: remove it at the nodes, or ask its contributor for another"
    raise Cheated(text, culprits=sorted(culprits), suspects=sorted(suspects - culprits))
