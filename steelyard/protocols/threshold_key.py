"""Threshold key: a fresh joint key for one request, of every owner's own secret and one shared among all participants.

Model       semi-honest, at most k-1 participants beside the owners whose data is at stake; private authenticated
            channels.  A key chosen after seeing the others' is found out.  Nobody proves that its parts are made of
            small secrets: with the requester's help who departs can get the key of this one request, which is why
            owners encrypt no more than what is asked for.
Rounds      3; a refresh 1.   Sends 12.8 MB to everybody (profile T), then 5.5 MB and a share of the committee's key.
Reveals     nothing.
Follows     Mouchet, Troncoso-Pastoriza, Bossuat, Hubaux (PETS 2021) for the joint keys; Herzberg et al. (CRYPTO 1995)
            for the refresh.
Differs     the secret of a holder, an owner or who stands in for firms without a node, is part of the key and not
            shared: without it nothing can be decrypted, whoever else comes together.  The committee's part is shared
            k of n, so that others may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steelyard.ckks import committee_key, joint_key, samplers
from steelyard.ckks.committee_key import KeyShare
from steelyard.ckks.decryption import OneTimeKey
from steelyard.ckks.joint_key import First, JointKey, Reference
from steelyard.ckks.profiles import Profile
from steelyard.ckks.ring import Residues, Ring
from steelyard.digest import digest
from steelyard.errors import Cheated
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming
from steelyard.protocols.greet import Greeting
from steelyard.randomness import Randomness
from steelyard.rounds import Inbox, Protocol, Round, broadcast


@dataclass(frozen=True)
class RequestKey:
    """The joint key, and what this node decrypts with: `own` is None at a node that is no holder."""

    joint: JointKey
    own: OneTimeKey | None
    committee: OneTimeKey
    share: KeyShare
    holders: tuple[PartyId, ...]


def threshold_key(
    attempt: Attempt, greeting: Greeting, profile: Profile, holders: Sequence[PartyId], stream: Randomness
) -> Protocol[RequestKey]:
    """Every participant is a member of the committee, at its place among them."""
    degree, keys, result = profile.degree, profile.keys, profile.result
    alone = samplers.ternary(degree, stream) if attempt.me in holders else None
    shared = samplers.ternary(degree, stream)
    reference = Reference(profile, _seed(attempt, greeting))
    part = joint_key.part(reference, keys.values_of(shared if alone is None else shared + alone), stream)
    # 1. Commit to my part of the keys.
    first = part.first()
    message = first.write(keys)
    commitments = yield broadcast("key commitment", _commitment(attempt, attempt.me, message), attempt.others)
    # 2. Open it; nobody has changed its mind.
    opened = yield broadcast("key", message, attempt.others)
    everybody = _opened(attempt, profile, first, commitments, opened)
    del opened, message
    # 3. My second step to everybody, and to each member its share of my part of the committee's secret.
    mine = part.second(everybody)
    dealt = committee_key.deal(result, result.values_of(shared), attempt.threshold, len(attempt.participants), stream)
    received = yield Round("key shares", _messages(attempt, profile, mine, dealt), frozenset(attempt.others))
    seconds, shares = [mine], [dealt[_position(attempt)]]
    for party in attempt.others:
        with blaming(party):
            view = memoryview(received[party])
            size = joint_key.second_size(profile)
            seconds.append(joint_key.read_second(profile, view[:size]))
            shares.append(result.read(view[size:]))
    joint = joint_key.joint_key(reference, everybody, seconds)
    share = KeyShare(_position(attempt), 0, result.total(shares))
    own = None if alone is None else OneTimeKey(result, result.values_of(alone))
    return RequestKey(joint, own, OneTimeKey(result, share.values), share, tuple(holders))


def refreshed(attempt: Attempt, ring: Ring, share: KeyShare, stream: Randomness) -> Protocol[KeyShare]:
    """The same key under shares of the next epoch, for whom a key lives longer than one request."""
    dealt = committee_key.deal(ring, ring.zeros(), attempt.threshold, len(attempt.participants), stream)
    messages = {party: ring.write(dealt[attempt.participants.index(party)]) for party in attempt.others}
    received = yield Round("key refresh", messages, frozenset(attempt.others))
    zeros = [dealt[share.position]]
    for party in attempt.others:
        with blaming(party):
            zeros.append(ring.read(received[party]))
    return share.refreshed(ring, zeros)


def longest(profile: Profile) -> int:
    """Bytes of the longest message."""
    return joint_key.first_size(profile)


def _seed(attempt: Attempt, greeting: Greeting) -> bytes:
    """Of the public random polynomials: every party's fresh hello has a part in it."""
    hellos = [greeting.digests[party] for party in attempt.participants]
    return digest("reference-seed", attempt.attempt.encode(), *hellos)


def _commitment(attempt: Attempt, party: PartyId, message: bytes | bytearray) -> bytes:
    return digest("key-commitment", attempt.attempt.encode(), party.encode(), message)


def _opened(attempt: Attempt, profile: Profile, mine: First, commitments: Inbox, opened: Inbox) -> First:
    firsts = [mine]
    for party in attempt.others:
        if _commitment(attempt, party, opened[party]) != commitments[party]:
            raise Cheated(f"{party} opened another key than the one it had committed to", culprits=(party,))
        with blaming(party):
            firsts.append(joint_key.read_first(profile, opened[party]))
    return joint_key.sum_first(profile, firsts)


def _messages(
    attempt: Attempt, profile: Profile, mine: joint_key.Rows, dealt: Sequence[Residues]
) -> Mapping[PartyId, bytes]:
    rows, result = joint_key.write_rows(profile, mine), profile.result
    return {
        party: rows + result.write(share)
        for party, share in zip(attempt.participants, dealt, strict=True)
        if party != attempt.me
    }


def _position(attempt: Attempt) -> int:
    return attempt.participants.index(attempt.me)
