"""Opening a result on the requester's machine: who signed what, then error correction, then numbers for people."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from steelyard.digest import frame
from steelyard.documents.attempt import InputSet, ResultNote
from steelyard.documents.request import Request
from steelyard.documents.sealed_result import CountedSignature, SealedResult
from steelyard.documents.signed import Signed, read
from steelyard.errors import Cheated, Malformed, SteelyardError, Unauthenticated
from steelyard.field import Vector, to_signed
from steelyard.functions import sealed_argument
from steelyard.functions.catalogue import question_of
from steelyard.functions.question import Opening
from steelyard.functions.result_share import Shape, context, read_share
from steelyard.identity.membership import Membership
from steelyard.identity.sealing import unseal
from steelyard.ids import PartyId
from steelyard.sharing.robust import open_robustly


@dataclass(frozen=True, slots=True)
class Opened:
    """A result.  `verified` is False when so few nodes replied that k-1 liars could have gone unnoticed."""

    value: Mapping[str, Any]
    parties: tuple[PartyId, ...]
    verified: bool
    checked: bool  # whether a node that departs from the protocol would have been noticed
    culprits: tuple[PartyId, ...]  # their shares were wrong, and corrected
    rejected: tuple[PartyId, ...]  # their replies did not prove what they are; the coordinator may have changed them
    vector: NDArray[np.int64] | None
    decimals: int
    attachments: Mapping[PartyId, bytes] = field(default_factory=dict, repr=False)


def open_results(
    membership: Membership,
    request: Signed,
    results: Sequence[SealedResult],
    sealing_key: X25519PrivateKey,
) -> Opened:
    """Checks, opens and decodes; raises Cheated when the replies do not agree on one result."""
    # 1. Take the replies that prove what they are; remember who sent others.
    signed = cache(partial(_signed, membership))  # the nodes send the same signatures
    replies: dict[tuple[bytes, Shape], dict[PartyId, tuple[Vector, bytes]]] = defaultdict(dict)
    bad: list[PartyId] = []
    for result in results:
        try:
            input_set, shape, share, attachment = _open_one(membership, request, result, sealing_key, signed)
            replies[input_set, shape][PartyId(result.party)] = share, attachment
        except SteelyardError:
            bad.append(PartyId(result.party))
    # 2. All honest nodes hold shares of the same attempt and shape: take the largest such group.
    if not replies:
        raise Cheated("no node's reply could be opened", suspects=("coordinator", *sorted(bad)))
    (input_set, shape), replied = max(replies.items(), key=lambda item: len(item[1]))
    # 3. Decode, correcting what can be corrected.
    asked, contributed = read(Request, request.payload), read(InputSet, input_set)
    question = question_of(asked)
    threshold = contributed.threshold
    shares = {party: share for party, (share, _) in replied.items()}
    attachments = {party: attachment for party, (_, attachment) in replied.items()}
    if not question.wanted.stored and threshold != (asked.threshold or membership.threshold):
        raise Cheated("the nodes computed at another threshold than asked", suspects=tuple(sorted(shares)))
    decoded = open_robustly(shares, membership.points, threshold, membership.threshold - 1)
    # 4. Say it in figures.
    opening = Opening(
        to_signed(decoded.value),
        shape.suppressed,
        shape.decimals,
        contributed.contributions,
        threshold,
        request.digest.hex(),
        {PartyId(party): key for party, key in membership.signing_keys.items()},
        lambda ciphertext: unseal(sealing_key, ciphertext, sealed_argument.context(asked.requester)),
    )
    parties = tuple(PartyId(party) for party in contributed.parties)
    value, vector = question.open_attachments(attachments, opening), question.vector(opening)
    decimals = shape.decimals[0] if shape.decimals else 0
    checked = not (question.multiplies or question.local)
    rejected = tuple(sorted(bad))
    culprits = tuple(sorted({*decoded.liars, *value.pop("culprits", ())}))
    return Opened(value, parties, decoded.verified, checked, culprits, rejected, vector, decimals, attachments)


def attachments(
    membership: Membership, request: Signed, results: Sequence[SealedResult], sealing_key: X25519PrivateKey
) -> Mapping[PartyId, bytes]:
    """What nodes added to their shares of a result, by node; raises Cheated when no reply proves what it is."""
    signed = cache(partial(_signed, membership))
    found: dict[PartyId, bytes] = {}
    for result in results:
        with suppress(SteelyardError):
            found[PartyId(result.party)] = _open_one(membership, request, result, sealing_key, signed)[-1]
    if not found:
        raise Cheated("no node's reply could be opened", suspects=("coordinator", *(each.party for each in results)))
    return found


def _open_one(
    membership: Membership,
    request: Signed,
    result: SealedResult,
    sealing_key: X25519PrivateKey,
    signed: Callable[[CountedSignature, bytes], bool],
) -> tuple[bytes, Shape, Vector, bytes]:
    note = result.note.open(ResultNote, membership.signing_keys)
    if note.party != result.party or result.note.signer != result.party:
        raise Malformed("a result in another party's name")
    asked = read(Request, request.payload).computation
    if (note.party, note.request, note.computation) != (result.party, request.digest.hex(), asked):
        raise Malformed("a result of another request")
    if (note.length, note.ciphertext) != (len(result.ciphertext), hashlib.sha256(result.ciphertext).hexdigest()):
        raise Malformed("a ciphertext that is not the one its node signed")
    _check_input_set(membership, request, note.input_set, result.certificate, signed)
    bound = context(note.request, note.party, note.input_set)
    return (note.input_set, *read_share(unseal(sealing_key, result.ciphertext, bound)))


def _check_input_set(
    membership: Membership,
    request: Signed,
    payload: bytes,
    certificate: Sequence[CountedSignature],
    signed: Callable[[CountedSignature, bytes], bool],
) -> None:
    input_set = read(InputSet, payload)
    message = frame("signature", InputSet.KIND.encode(), payload)
    valid = {each.signer for each in certificate if signed(each, message)}
    if len(valid) < membership.quorum:
        raise Unauthenticated("too few nodes signed the input set")
    contributors = set(input_set.parties)
    minimum = 1 if question_of(read(Request, request.payload)).consented else membership.minimum_group
    if input_set.request != request.digest.hex() or len(contributors) < minimum:
        raise Malformed("an input set of another request, or of too few parties")


def _signed(membership: Membership, counted: CountedSignature, message: bytes) -> bool:
    key = membership.signing_keys.get(counted.signer)
    try:
        if key is not None:
            key.verify(counted.signature, message)
        return key is not None
    except InvalidSignature:
        return False
