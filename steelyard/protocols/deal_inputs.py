"""Dealing of inputs: each contributor's vector in, shares of all of them out; a bad dealing is noticed before any use.

Model       malicious, at most k-1 of the participants; private authenticated channels; at least k honest participants.
Rounds      2.   Sends n-k vectors per contributor (seeded dealing), then R elements per dealing to everybody.
Reveals     nothing: each opened combination is masked by a fresh random element of the dealer, and what a header fixes
            is salted, so that no guess of a vector can be tried.
Follows     batch verification by random combinations (Bellare, Garay, Rabin 1998);
            docs/decisions/0003-fiat-shamir-check.md.
Differs     the challenge is the hash of all signed headers, which fix every share (Fiat-Shamir): no round is spent on
            tossing a coin.  Signatures under headers are checked only when somebody is to be blamed: streams tell who
            sent them.  R = 3 challenges with error 2^-60 each: 2^-180, and still 2^-100 against a dealer
            who tries 2^80 headers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steelyard.digest import digest
from steelyard.documents.attempt import DealingHeader
from steelyard.documents.signed import Signed, from_wire, sign, to_wire
from steelyard.errors import Cheated, Malformed
from steelyard.field import Vector, from_bytes, to_bytes, uniform
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import Disputes, blaming, judge
from steelyard.protocols.greet import Greeting
from steelyard.randomness import Randomness
from steelyard.rounds import Inbox, Protocol, Round, broadcast
from steelyard.secret import REVEAL, Secret
from steelyard.sharing import seeded
from steelyard.sharing.combination import BEHIND, CHALLENGES, masked
from steelyard.sharing.robust import consistent

_PATH = "inputs"


def deal_inputs(
    attempt: Attempt,
    greeting: Greeting,
    inputs: Secret[Vector] | None,
    lengths: Mapping[PartyId, int],
    randomness: Randomness,
) -> Protocol[tuple[Mapping[PartyId, Vector], str]]:
    """`inputs`: as many field elements as `lengths` says of this node, None if it contributes nothing.

    The output is my share of every contributor's vector, and the digest of all that was said and dealt.
    """
    # 1. Deal my inputs with salt and R masks behind them, seeded where possible, under a signed header.
    sizes = {dealer: lengths[dealer] + BEHIND for dealer in greeting.dealers}
    messages, headers, held = _deal(attempt, greeting, inputs, randomness)
    del inputs
    hear = frozenset(greeting.dealers) - {attempt.me}
    received = yield Round("deal", messages, hear)
    del messages
    # 2. Take what was dealt to me and hold it against the signed headers.
    for dealer in sorted(hear):
        with blaming(dealer):
            headers[dealer], held[dealer] = _accept(attempt, greeting, dealer, received[dealer], sizes[dealer])
    del received
    said = [headers[dealer].digest for dealer in greeting.dealers]
    fixed = b"".join([*(greeting.digests[party] for party in attempt.participants), *said])
    transcript = digest("transcript", fixed)
    # 3. One masked random combination of each dealing, to everybody.
    challenge = digest("challenge", transcript)
    mine = {dealer: masked(challenge, held[dealer]) for dealer in greeting.dealers}
    checks = yield broadcast("check", fixed + b"".join(to_bytes(mine[d]) for d in greeting.dealers), attempt.others)
    # 4. Everybody heard the same, and all points of each dealing lie on one polynomial of degree k-1.
    try:
        _check(attempt, greeting, fixed, mine, checks)
    except Cheated:
        _authenticate(attempt, headers)
        raise
    return {dealer: held[dealer][: lengths[dealer]] for dealer in greeting.dealers}, transcript.hex()


def _deal(
    attempt: Attempt,
    greeting: Greeting,
    inputs: Secret[Vector] | None,
    randomness: Randomness,
) -> tuple[dict[PartyId, bytes], dict[PartyId, Signed], dict[PartyId, Vector]]:
    if inputs is None:
        return {}, {}, {}
    me, threshold = attempt.me, attempt.threshold
    receivers = seeded.seeded_receivers(me, attempt.participants, threshold)
    keys = {party: greeting.keys.stream_key(_PATH, me, party) for party in receivers}
    secret = np.concatenate([inputs.reveal(REVEAL), uniform(randomness, BEHIND)])
    dealing = seeded.deal(secret, me, attempt.points, threshold, keys)
    bodies = {party: to_bytes(dealing.explicit.pop(party)) for party in list(dealing.explicit)}
    commitments = {party: _commitment(me, party, "key", key) for party, key in keys.items()}
    commitments |= {party: _commitment(me, party, "vector", body) for party, body in bodies.items()}
    header = _header(attempt, secret.size, commitments)
    front = to_wire(header)
    messages = {party: _packed(front, bodies.pop(party, b"")) for party in attempt.others}
    return messages, {me: header}, {me: dealing.own}


def _header(attempt: Attempt, size: int, commitments: Mapping[PartyId, bytes]) -> Signed:
    header = DealingHeader(
        computation=attempt.computation,
        attempt=attempt.attempt,
        dealer=attempt.me,
        length=size,
        commitments={party: commitments[party].hex() for party in attempt.others},
    )
    return sign(header, attempt.me, attempt.signing)


def _commitment(dealer: PartyId, receiver: PartyId, what: str, content: bytes | memoryview) -> bytes:
    return digest("commitment", dealer.encode(), receiver.encode(), what.encode(), content)


def _packed(front: bytes, body: bytes | memoryview) -> bytes:
    return b"".join((len(front).to_bytes(4, "little"), front, body))


def _accept(
    attempt: Attempt,
    greeting: Greeting,
    dealer: PartyId,
    message: bytes | bytearray,
    size: int,
) -> tuple[Signed, Vector]:
    """The dealer's header and my share, or an error naming the dealer."""
    view = memoryview(message)
    front = int.from_bytes(view[:4], "little")
    signed = from_wire(bytes(view[4 : 4 + front]))
    header = signed.expect(DealingHeader)
    said = (header.dealer, header.computation, header.attempt, header.length, sorted(header.commitments))
    others = sorted(party for party in attempt.participants if party != dealer)
    if said != (dealer, attempt.computation, attempt.attempt, size, others):
        raise Malformed(f"{dealer} signed a header for another dealing", culprits=(dealer,))
    body = view[4 + front :]
    if attempt.me in seeded.seeded_receivers(dealer, attempt.participants, attempt.threshold):
        key = greeting.keys.stream_key(_PATH, dealer, attempt.me)
        commitment, share = _commitment(dealer, attempt.me, "key", key), seeded.expand(key, size)
    else:
        commitment, share = _commitment(dealer, attempt.me, "vector", body), from_bytes(body, size)
    if header.commitments[attempt.me] != commitment.hex():
        _authenticate(attempt, {dealer: signed})
        raise Cheated(
            f"what {dealer} dealt to {attempt.me} is not what its signed header says",
            suspects=(dealer, attempt.me),
        )
    return signed, share


def _authenticate(attempt: Attempt, headers: Mapping[PartyId, Signed]) -> None:
    """Before headers are held against anybody; raises Malformed naming a dealer who sent one that is not signed."""
    for dealer, header in headers.items():
        with blaming(dealer):
            header.open(DealingHeader, {dealer: attempt.keys[dealer]})


def _check(
    attempt: Attempt,
    greeting: Greeting,
    fixed: bytes,
    mine: Mapping[PartyId, Vector],
    checks: Inbox,
) -> None:
    combinations = {attempt.me: np.concatenate([mine[dealer] for dealer in greeting.dealers])}
    disputes = Disputes(attempt.liars)
    for party, message in checks.items():
        disputes.compare([*attempt.participants, *greeting.dealers], party, fixed, message)
        with blaming(party):
            combinations[party] = from_bytes(memoryview(message)[len(fixed) :], len(combinations[attempt.me]))
    if disputes:
        raise disputes.error("the parties were not all told the same by everybody")
    points = attempt.points
    if consistent(
        {points[party]: each for party, each in combinations.items()}, attempt.threshold
    ):  # all dealings at once
        return
    for index, dealer in enumerate(greeting.dealers):
        part = slice(index * CHALLENGES, (index + 1) * CHALLENGES)
        _check_dealing(attempt, dealer, {party: each[part] for party, each in combinations.items()}, disputes)
    raise disputes.error("a dealing is not a sharing of one vector", attempt.participants)


def _check_dealing(attempt: Attempt, dealer: PartyId, values: Mapping[PartyId, Vector], disputes: Disputes) -> None:
    found = judge(values, attempt.points, attempt.threshold, attempt.liars)
    if found.dealer:
        disputes.prove(dealer)
    if found.untraced:
        disputes.note()
    for party in found.off:
        disputes.add(dealer, party)
