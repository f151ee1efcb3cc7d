"""Encrypted inputs: everybody gets the ciphertexts of those who bring any, each list signed for this request and key.

Model       malicious for authenticity; what is inside is what its owner says, and may be no encryption at all
            (steelyard.protocols.threshold_key on what that gives away).
Rounds      1.   Sends the ciphertexts to everybody: 1.6 MB each when fresh (profile T).
Reveals     nothing: an owner encrypts zeros in the slots of others, so sizes say no more than the request.
Follows     public-key encryption under the joint key; Ed25519.
Differs     the signature binds the ciphertexts to the request and to its one key, which makes it the owner's consent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from steelyard.ckks import ciphertext
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.joint_key import JointKey
from steelyard.ckks.ring import Ring
from steelyard.digest import digest
from steelyard.documents.encrypted import EncryptedInput
from steelyard.documents.signed import from_wire, sign, to_wire
from steelyard.errors import Cheated, Malformed
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming
from steelyard.rounds import Protocol, Round

_LENGTH = 4


@dataclass(frozen=True)
class Inputs:
    """Everybody's ciphertexts in order, and the digests of the documents that they are signed in."""

    ciphertexts: Mapping[PartyId, tuple[Ciphertext, ...]]
    digests: Mapping[PartyId, str]


def encrypted_inputs(
    attempt: Attempt, key: JointKey, mine: Sequence[Ciphertext], rings: Mapping[PartyId, Sequence[Ring]]
) -> Protocol[Inputs]:
    """`rings` says how many ciphertexts each party brings, and over which rings."""
    brings = tuple(party for party in attempt.participants if rings.get(party))
    found: dict[PartyId, tuple[Ciphertext, ...]] = {}
    digests: dict[PartyId, str] = {}
    # 1. Mine to everybody, signed.
    send = {}
    if attempt.me in brings:
        body = b"".join(each.write() for each in mine)
        signed = sign(_document(attempt, attempt.me, key, body), attempt.me, attempt.signing)
        head = to_wire(signed)
        send = dict.fromkeys(attempt.others, len(head).to_bytes(_LENGTH, "little") + head + body)
        found[attempt.me], digests[attempt.me] = tuple(mine), signed.digest.hex()
        del body
    received = yield Round("encrypted inputs", send, frozenset(brings) - {attempt.me})
    # 2. Theirs, which they have signed, for this request and key, and which are of this profile.
    for party in brings:
        if party != attempt.me:
            with blaming(party):
                found[party], digests[party] = _read(attempt, party, key, rings[party], received[party])
    return Inputs({party: found[party] for party in brings}, {party: digests[party] for party in brings})


def _read(
    attempt: Attempt, party: PartyId, key: JointKey, rings: Sequence[Ring], message: bytes | bytearray
) -> tuple[tuple[Ciphertext, ...], str]:
    view = memoryview(message)
    end = _LENGTH + int.from_bytes(view[:_LENGTH], "little")
    signed, body = from_wire(bytes(view[_LENGTH:end])), view[end:]
    said, expected = signed.open(EncryptedInput, {party: attempt.keys[party]}), _document(attempt, party, key, body)
    if said != expected and replace(said, key=expected.key) == expected:
        raise Cheated(
            f"{party} and {attempt.me} hold different keys: some node sent them different parts of the key",
            suspects=tuple(each for each in attempt.participants if each != attempt.me),
        )
    if said != expected:
        raise Malformed("its encrypted input is signed for another request or ciphertext")
    return tuple(split(rings, body)), signed.digest.hex()


def split(rings: Sequence[Ring], body: memoryview) -> list[Ciphertext]:
    """Ciphertexts that follow each other; raises Malformed."""
    if len(body) != sum(2 * ring.size for ring in rings):
        raise Malformed("encrypted inputs of the wrong length: they are not of this profile")
    found, at = [], 0
    for ring in rings:
        found.append(ciphertext.read(ring, body[at : at + 2 * ring.size]))
        at += 2 * ring.size
    return found


def _document(attempt: Attempt, party: PartyId, key: JointKey, body: bytes | memoryview) -> EncryptedInput:
    return EncryptedInput(
        computation=attempt.computation,
        attempt=attempt.attempt,
        request=attempt.request,
        party=party,
        profile=key.profile.name,
        key=key.digest.hex(),
        ciphertexts=digest("encrypted-inputs", body).hex(),
    )
