"""Joint decryption: all key holders sign the one evaluation they agree on; then each makes its parts for the requester.

Model       malicious for what is decrypted: one honest key holder decrypts nothing but its own evaluation of the signed
            inputs.  Parts are what their senders say: a wrong one spoils the result, which canaries show.
Rounds      1.   Sends a signature to everybody; parts go, sealed, to the requester alone (0.3 to 0.8 MB, profile T).
Reveals     to the requester: the numbers in the results, with noise.  To the nodes nothing.
Follows     noise flooding as in Li, Micciancio, Schultz, Sorrell (CRYPTO 2022).
Differs     every key holder evaluates, so nobody has to be believed; a key decrypts one evaluation, each result once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from steelyard.ckks import ciphertext
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.decryption import fuse
from steelyard.ckks.encoding import Slots
from steelyard.ckks.profiles import Profile
from steelyard.ckks.ring import Residues, Ring
from steelyard.digest import frame
from steelyard.documents.encrypted import Evaluation
from steelyard.documents.signed import read, sign
from steelyard.errors import Cheated, Malformed, PartyMissing
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.encrypted_inputs import Inputs
from steelyard.protocols.threshold_key import RequestKey
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol, broadcast

_LENGTH = 4


class Front(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The front of an attachment; behind it c0 of every result if it `leads`, an owner's parts, the committee's."""

    evaluation: bytes  # the exact bytes that all key holders signed
    signatures: dict[str, bytes]
    position: int  # in the committee
    epoch: int
    owner: bool
    leads: bool
    note: bytes  # for the requester, from an owner: which slot is what


def joint_decryption(
    attempt: Attempt,
    key: RequestKey,
    inputs: Inputs,
    circuit: bytes,
    results: Sequence[Ciphertext],
    note: bytes,
    stream: Randomness,
) -> Protocol[bytes]:
    """What goes, sealed, to the requester; `results` are this node's own evaluation."""
    # 1. All key holders have evaluated the same, from the same.
    evaluation = _evaluation(attempt, key, inputs, circuit, results)
    mine = sign(evaluation, attempt.me, attempt.signing)
    received = yield broadcast("evaluation", mine.signature, attempt.others)
    signatures = {attempt.me: mine.signature}
    for party in attempt.others:
        check_signature(attempt.keys[party], party, mine.payload, bytes(received[party]))
        signatures[party] = bytes(received[party])
    # 2. My parts of the decryption of these results, of which there will be no others.
    profile = key.joint.profile
    key.committee.allow(results)
    parts = [[key.committee.part(each, profile.share, stream) for each in results]]
    if key.owner:
        key.owner.allow(results)
        parts.insert(0, [key.owner.part(each, profile.flood, stream) for each in results])
    leads = attempt.me == key.owners[0]  # an owner, since they are needed in any case
    if leads:
        parts.insert(0, [each.c0 for each in results])
    front = Front(
        mine.payload,
        {str(party): signature for party, signature in signatures.items()},
        key.share.position,
        key.share.epoch,
        key.owner is not None,
        leads,
        note,
    )
    return _packed(profile.result, front, [each for group in parts for each in group])


@dataclass(frozen=True)
class Attachment:
    """What one node sent to the requester, taken apart."""

    front: Front
    c0: tuple[Residues, ...]
    owner: tuple[Residues, ...]
    committee: tuple[Residues, ...]


@dataclass(frozen=True)
class Fused:
    """The results' numbers, and what each owner says about its slots."""

    numbers: tuple[Slots, ...]
    notes: Mapping[PartyId, bytes]
    evaluation: Evaluation


def fused(
    profile: Profile,
    request: str,
    threshold: int,
    owners: Sequence[PartyId],
    attachments: Mapping[PartyId, bytes],
    scales: Sequence[float],
    keys: Mapping[PartyId, Ed25519PublicKey],
) -> Fused:
    """On the requester's machine; `scales` are those of the results, `keys` what the parties sign with.

    Raises PartyMissing without an owner's parts, Cheated for attachments not of one evaluation of this request that
    all who sent them have signed, and for results that are not those evaluated.
    """
    opened = {party: _opened(profile.result, each, len(scales)) for party, each in attachments.items()}
    missing = [party for party in owners if party not in opened or not opened[party].front.owner]
    if missing:
        raise PartyMissing(f"without its owner {missing[0]} no statement of it is decrypted, nor the others' with it")
    evaluation = _agreed(profile, request, opened)
    for party, each in opened.items():
        check_signature(keys[party], party, each.front.evaluation, each.front.signatures.get(party, b""))
    leading = opened[owners[0]]
    if [ciphertext.head(profile.result, each).hex() for each in leading.c0] != list(evaluation.heads):
        raise Cheated(f"{owners[0]} sent other results than those that were evaluated", culprits=(owners[0],))
    numbers = tuple(
        fuse(
            profile,
            leading.c0[i],
            [opened[party].owner[i] for party in owners],
            {each.front.position: each.committee[i] for each in opened.values()},
            threshold,
            scale,
        )
        for i, scale in enumerate(scales)
    )
    return Fused(numbers, {party: opened[party].front.note for party in owners}, evaluation)


def _agreed(profile: Profile, request: str, opened: Mapping[PartyId, Attachment]) -> Evaluation:
    said = {(each.front.evaluation, each.front.epoch) for each in opened.values()}
    if len(said) != 1:
        raise Cheated("the nodes' parts are not of one evaluation under one key", suspects=sorted(opened))
    evaluation = read(Evaluation, said.pop()[0])
    if (evaluation.request, evaluation.profile) != (request, profile.name):
        raise Cheated("the nodes' parts are of another request", suspects=sorted(opened))
    if len({each.front.position for each in opened.values()}) != len(opened):
        raise Cheated("two nodes claim the same place in the committee", suspects=sorted(opened))
    return evaluation


def _evaluation(
    attempt: Attempt, key: RequestKey, inputs: Inputs, circuit: bytes, results: Sequence[Ciphertext]
) -> Evaluation:
    return Evaluation(
        computation=attempt.computation,
        attempt=attempt.attempt,
        request=attempt.request,
        profile=key.joint.profile.name,
        circuit=circuit.hex(),
        key=key.joint.digest.hex(),
        inputs={str(party): each for party, each in inputs.digests.items()},
        outputs=tuple(each.digest.hex() for each in results),
        heads=tuple(each.head.hex() for each in results),
    )


def check_signature(key: Ed25519PublicKey, party: PartyId, payload: bytes, signature: bytes) -> None:
    """Of an evaluation; raises Cheated."""
    try:
        key.verify(signature, frame("signature", Evaluation.KIND.encode(), payload))
    except InvalidSignature:
        raise Cheated(
            f"{party} has not signed the evaluation that others have: nothing is decrypted", suspects=(party,)
        ) from None


def _packed(ring: Ring, front: Front, parts: Sequence[Residues]) -> bytes:
    head = msgspec.msgpack.encode(front)
    return b"".join((len(head).to_bytes(_LENGTH, "little"), head, *(ring.write(each) for each in parts)))


def _opened(ring: Ring, data: bytes, results: int) -> Attachment:
    """Raises Malformed."""
    view = memoryview(data)
    end = _LENGTH + int.from_bytes(view[:_LENGTH], "little")
    try:
        front = msgspec.msgpack.decode(view[_LENGTH:end], type=Front)
    except (msgspec.DecodeError, ValueError):
        raise Malformed("an attachment whose front cannot be read") from None
    body, groups = view[end:], 1 + front.owner + front.leads
    if len(body) != groups * results * ring.size:
        raise Malformed("an attachment of the wrong length: it is not of this profile or request")
    parts = [ring.read(body[i * ring.size : (i + 1) * ring.size]) for i in range(groups * results)]
    taken = [tuple(parts[i * results : (i + 1) * results]) for i in range(groups)]
    c0 = taken.pop(0) if front.leads else ()
    owner = taken.pop(0) if front.owner else ()
    return Attachment(front, c0, owner, taken[0])
