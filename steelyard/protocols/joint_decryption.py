"""Joint decryption: all key holders sign the one evaluation they agree on; then each makes its parts for the requester.

Model       malicious for what is decrypted: one honest key holder decrypts nothing but its own evaluation of the signed
            inputs.  Parts are what their senders say: a wrong one spoils the result, which canaries and digests of
            figures show; with parts of 2k-1 nodes a wrong one for the committee is left out, and its sender named.
Rounds      1.   Sends a signature to everybody; parts go, sealed, to the requester alone (0.3 to 0.8 MB, profile T).
Reveals     to the requester: the numbers in the results, with noise.  To the nodes nothing.
Follows     noise flooding as in Li, Micciancio, Schultz, Sorrell (CRYPTO 2022).
Differs     every key holder evaluates, so nobody has to be believed; a key decrypts one evaluation, each result once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice

import msgspec
import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from steelyard import records
from steelyard.ckks import ciphertext
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.decryption import fuse, has_room
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

Numbers = tuple[Slots, ...]  # of every result
_LENGTH = 4
_TRIED = 64  # committees, before parts are given up


class Front(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The front of an attachment; behind it c0 of all results if it `leads`, own parts if it `holds`, committee's."""

    evaluation: bytes  # the exact bytes that all key holders signed
    signatures: dict[str, bytes]
    epoch: int
    holds: bool = msgspec.field(name="owner")  # part of the key; named as in results of before
    leads: bool
    note: bytes  # for the requester, from a holder: which slot is what

    def __repr__(self) -> str:
        return f"Front(holds={self.holds}, leads={self.leads})"


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
    signatures = {attempt.me: mine.signature, **{party: bytes(received[party]) for party in attempt.others}}
    odd = [party for party in attempt.others if not _signed(attempt.keys[party], mine.payload, signatures[party])]
    if odd:
        raise Cheated(
            f"{', '.join(odd)} signed another evaluation than {attempt.me}: nothing is decrypted; one of them departs"
            " from the protocol, or an owner that sent them different ciphertexts",
            suspects=attempt.others,
        )
    # 2. My parts of the decryption of these results, of which there will be no others.
    profile = key.joint.profile
    key.committee.allow(results)
    parts = [[key.committee.part(each, profile.share, stream) for each in results]]
    if key.own:
        key.own.allow(results)
        parts.insert(0, [key.own.part(each, profile.flood, stream) for each in results])
    leads = attempt.me == key.holders[0]  # since they are needed in any case
    if leads:
        parts.insert(0, [each.c0 for each in results])
    front = Front(
        mine.payload,
        {str(party): signature for party, signature in signatures.items()},
        key.share.epoch,
        key.own is not None,
        leads,
        note,
    )
    return _packed(profile.result, front, [each for group in parts for each in group])


@dataclass(frozen=True)
class Attachment:
    """What one node sent to the requester, taken apart."""

    front: Front
    c0: tuple[Residues, ...] = field(repr=False)
    own: tuple[Residues, ...] = field(repr=False)
    committee: tuple[Residues, ...] = field(repr=False)


@dataclass(frozen=True)
class Fused:
    """The results' numbers, and whose part for the committee was wrong, and was left out."""

    numbers: Numbers = field(repr=False)
    culprits: tuple[PartyId, ...]


@dataclass(frozen=True)
class Parts:
    """All that nodes sent to the requester: of one evaluation of its request, which they have all signed."""

    profile: Profile
    threshold: int
    holders: tuple[PartyId, ...]
    scales: tuple[float, ...]  # of the results
    evaluation: Evaluation
    attachments: Mapping[PartyId, Attachment] = field(repr=False)

    @property
    def notes(self) -> Mapping[PartyId, bytes]:
        """What each holder says about slots."""
        return {party: self.attachments[party].front.note for party in self.holders}

    def numbers(self, members: Sequence[PartyId]) -> Numbers:
        """The results, with these members' parts for the committee; raises PartyMissing, Invalid."""
        return tuple(
            fuse(
                self.profile,
                self.attachments[self.holders[0]].c0[i],
                [self.attachments[party].own[i] for party in self.holders],
                {self._position(party): self.attachments[party].committee[i] for party in members},
                self.threshold,
                scale,
            )
            for i, scale in enumerate(self.scales)
        )

    def fused(self, check: Callable[[Numbers], None], dealers: Sequence[PartyId] = ()) -> Fused:
        """The numbers that `check` finds nothing wrong with, out of the parts of some k members.

        Raises Cheated if there are none.  With parts of 2k-1 members, of whom fewer than k lie, some k are honest: it
        is a holder's part or somebody's input that is wrong then; `dealers` have brought theirs through nodes.
        """
        chosen, failure = list(islice(self._committees(), _TRIED)), ""
        for members in chosen:
            numbers = self.numbers(members)
            try:
                check(numbers)
            except Cheated as error:
                failure = failure or error.message
                continue
            return Fused(numbers, self._wrong(members, numbers))
        all_tried = len(chosen) < _TRIED and len(self.attachments) >= 2 * self.threshold - 1
        brought = tuple(PartyId(party) for party in self.evaluation.inputs)
        suspects = (*brought, *(() if all_tried else self.attachments), *dealers)
        raise Cheated(failure, suspects=tuple(dict.fromkeys(suspects)))

    def _committees(self) -> Iterator[tuple[PartyId, ...]]:
        members = sorted(self.attachments, key=self._position)
        if len(members) <= self.threshold:
            yield tuple(members)
            return
        for chosen in combinations(members, self.threshold):
            if has_room(self.profile, [self._position(each) for each in chosen]):
                yield chosen

    def _wrong(self, members: Sequence[PartyId], numbers: Numbers) -> tuple[PartyId, ...]:
        """Who of the others brings other numbers in the place of a member: noise is far below what is shown."""
        wrong = []
        for party in sorted(set(self.attachments) - set(members)):
            if has_room(self.profile, [self._position(each) for each in (*members[1:], party)]):
                pairs = zip(self.numbers((*members[1:], party)), numbers, strict=True)
                if max(float(np.abs(one - other).max()) for one, other in pairs) > 10.0**-self.profile.decimals:
                    wrong.append(party)
        return tuple(wrong)

    def _position(self, party: PartyId) -> int:
        return self.evaluation.participants.index(party)


def collected(
    profile: Profile,
    request: str,
    threshold: int,
    holders: Callable[[Sequence[PartyId]], Sequence[PartyId]],
    attachments: Mapping[PartyId, bytes],
    scales: Sequence[float],
    keys: Mapping[PartyId, Ed25519PublicKey],
) -> Parts:
    """On the requester's machine; `holders` says of the participants whose parts of the key all need,
    `scales` are those of the results, `keys` what the parties sign with.

    Raises PartyMissing without a holder's parts, Cheated for attachments not of one evaluation of this request that
    all who sent them have signed, and for results that are not those evaluated.
    """
    opened = {party: _opened(profile.result, each, len(scales)) for party, each in attachments.items()}
    evaluation = _agreed(profile, request, opened)
    needed = tuple(holders(tuple(PartyId(party) for party in evaluation.participants)))
    missing = [party for party in needed if party not in opened or not opened[party].front.holds]
    if missing:
        raise PartyMissing(
            f"{missing[0]} has not sent its part of the key, so nothing is decrypted, of others neither: ask again"
        )
    for party, each in opened.items():
        if not _signed(keys[party], each.front.evaluation, each.front.signatures.get(party, b"")):
            raise Cheated(f"{party} has not signed the evaluation that it sends parts of", suspects=(party,))
    if [ciphertext.head(profile.result, each).hex() for each in opened[needed[0]].c0] != list(evaluation.heads):
        raise Cheated(f"{needed[0]} sent other results than those that were evaluated", culprits=(needed[0],))
    return Parts(profile, threshold, needed, tuple(scales), evaluation, opened)


def _agreed(profile: Profile, request: str, opened: Mapping[PartyId, Attachment]) -> Evaluation:
    said = {(each.front.evaluation, each.front.epoch) for each in opened.values()}
    if len(said) != 1:
        raise Cheated("the nodes' parts are not of one evaluation under one key", suspects=sorted(opened))
    evaluation = read(Evaluation, said.pop()[0])
    if (evaluation.request, evaluation.profile) != (request, profile.name):
        raise Cheated("the nodes' parts are of another request", suspects=sorted(opened))
    if not set(opened) <= set(evaluation.participants):
        raise Cheated("a part is from a node that did not take part", suspects=sorted(opened))
    return evaluation


def _evaluation(
    attempt: Attempt, key: RequestKey, inputs: Inputs, circuit: bytes, results: Sequence[Ciphertext]
) -> Evaluation:
    return Evaluation(
        computation=attempt.computation,
        attempt=attempt.attempt,
        request=attempt.request,
        participants=attempt.participants,
        profile=key.joint.profile.name,
        circuit=circuit.hex(),
        key=key.joint.digest.hex(),
        inputs={str(party): each for party, each in inputs.digests.items()},
        outputs=tuple(each.digest.hex() for each in results),
        heads=tuple(each.head.hex() for each in results),
    )


def _signed(key: Ed25519PublicKey, payload: bytes, signature: bytes) -> bool:
    """Whether this is its signature of an evaluation."""
    try:
        key.verify(signature, frame("signature", Evaluation.KIND.encode(), payload))
    except InvalidSignature:
        return False
    return True


def _packed(ring: Ring, front: Front, parts: Sequence[Residues]) -> bytes:
    head = msgspec.msgpack.encode(front)
    return b"".join((len(head).to_bytes(_LENGTH, "little"), head, *(ring.write(each) for each in parts)))


def _opened(ring: Ring, data: bytes, results: int) -> Attachment:
    """Raises Malformed."""
    view = memoryview(data)
    end = _LENGTH + int.from_bytes(view[:_LENGTH], "little")
    try:
        front = records.from_msgpack(view[_LENGTH:end], Front)
    except records.DecodeError:
        raise Malformed("an attachment whose front cannot be read") from None
    body, groups = view[end:], 1 + front.holds + front.leads
    if len(body) != groups * results * ring.size:
        raise Malformed("an attachment of the wrong length: it is not of this profile or request")
    parts = [ring.read(body[i * ring.size : (i + 1) * ring.size]) for i in range(groups * results)]
    taken = [tuple(parts[i * results : (i + 1) * results]) for i in range(groups)]
    c0 = taken.pop(0) if front.leads else ()
    own = taken.pop(0) if front.holds else ()
    return Attachment(front, c0, own, taken[0])
