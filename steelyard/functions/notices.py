"""Notices on their way: what nodes seal to each firm; it travels inside the requester's result, who cannot open it.

Each node seals its share of what a firm is told to that firm's own key, and signs for which round, computation and firm
it is.  A firm puts together what enough nodes have told it.  What is told of single lines begins with the id of the
contribution that it is about, so that no firm reads it beside something else that it has said.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from steelyard import records
from steelyard.documents.notice import NoticePart, Tells, sealed_for
from steelyard.documents.signed import Signed, from_wire, sign, to_wire
from steelyard.errors import Cheated, Invalid, Malformed, SteelyardError
from steelyard.field import Vector, from_bytes, to_bytes, to_signed
from steelyard.identity.sealing import seal
from steelyard.ids import PartyId, party_id
from steelyard.protocols.attempt import Attempt
from steelyard.sharing.robust import open_robustly

ABOUT: Final = 4  # numbers that name a contribution
_LIMB: Final = 8  # hexadecimal digits of each

Unseal = Callable[[bytes, bytes], bytes]  # a ciphertext and what it is bound to; raises Malformed


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One node's part of one firm's notice; nothing in it has been checked yet."""

    note: bytes
    ciphertext: bytes

    @property
    def signed(self) -> Signed:
        return from_wire(self.note)


@dataclass(frozen=True, slots=True)
class _Same:
    """What parts of one notice have in common."""

    round: str
    computation: str
    attempt: str
    inputs: str
    threshold: int
    tells: Tells
    length: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a firm was told, put together."""

    round: str
    computation: str
    tells: Tells
    values: NDArray[np.int64] = field(repr=False)
    nodes: tuple[PartyId, ...]
    verified: bool


def sealed_parts(
    attempt: Attempt,
    round_: str,
    inputs: str,
    tells: Tells,
    told: Mapping[PartyId, Vector],
    keys: Mapping[PartyId, str],
) -> bytes:
    """My parts of all firms' notices; `keys` are the firms' public keys (hex)."""
    parts = {firm: _part(attempt, round_, inputs, tells, firm, share, keys[firm]) for firm, share in told.items()}
    return msgspec.msgpack.encode(parts)


def about(contribution: str) -> tuple[int, ...]:
    """A contribution's id as the numbers that a notice begins with: everybody knows them."""
    return tuple(int(contribution[at : at + _LIMB], 16) for at in range(0, ABOUT * _LIMB, _LIMB))


def contribution_of(values: NDArray[np.int64]) -> str:
    """The id that a notice begins with."""
    return "".join(f"{value % (1 << 4 * _LIMB):0{_LIMB}x}" for value in values[:ABOUT].tolist())


def parts_of(attachments: Mapping[PartyId, bytes]) -> dict[str, dict[PartyId, Part]]:
    """By firm and node; what is no list of parts, or for what can be no firm, is left out."""
    found: dict[str, dict[PartyId, Part]] = defaultdict(dict)
    for node, attachment in attachments.items():
        try:
            parts = records.from_msgpack(attachment, dict[str, Part])
        except records.DecodeError:
            continue
        for firm, part in parts.items():
            with suppress(Invalid):  # a name may become one of a file
                found[party_id(firm)][node] = part
    return dict(found)


def put_together(
    firm: str,
    parts: Mapping[PartyId, Part],
    keys: Mapping[str, Ed25519PublicKey],
    points: Mapping[PartyId, int],
    threshold: int,
    unseal: Unseal,
) -> Told:
    """`threshold` is the manifest's: fewer nodes than that tell nobody anything, whatever they sign.

    Raises Cheated when what nodes have told does not fit together, or too few have.
    """
    # 1. Those that prove what they are, by the attempt that they are of.
    groups: dict[_Same, dict[PartyId, Vector]] = defaultdict(dict)
    for node, part in parts.items():
        try:
            note = part.signed.open(NoticePart, {node: keys[node]})
            if note.threshold >= threshold:
                groups[_same(note)][node] = _opened(firm, node, note, part, unseal)
        except (SteelyardError, KeyError):
            continue
    if not groups:
        raise Cheated(f"no node's part of the notice for {firm} could be opened", suspects=sorted(parts))
    # 2. One vector.
    same, shares = max(groups.items(), key=lambda item: len(item[1]))
    opened = open_robustly(shares, points, same.threshold)
    values, nodes = to_signed(opened.value), tuple(sorted(shares))
    return Told(same.round, same.computation, same.tells, values, nodes, opened.verified)


def _part(
    attempt: Attempt, round_: str, inputs: str, tells: Tells, firm: PartyId, share: Vector, key: str
) -> tuple[bytes, bytes]:
    bound = sealed_for(attempt.computation, attempt.attempt, firm, attempt.me)
    ciphertext = seal(key, to_bytes(share), bound)
    note = NoticePart(
        round=round_,
        computation=attempt.computation,
        attempt=attempt.attempt,
        inputs=inputs,
        firm=firm,
        party=attempt.me,
        threshold=attempt.threshold,
        tells=tells,
        length=share.size,
        ciphertext=hashlib.sha256(ciphertext).hexdigest(),
    )
    return to_wire(sign(note, attempt.me, attempt.signing)), ciphertext


def _same(note: NoticePart) -> _Same:
    return _Same(note.round, note.computation, note.attempt, note.inputs, note.threshold, note.tells, note.length)


def _opened(firm: str, node: PartyId, note: NoticePart, part: Part, unseal: Unseal) -> Vector:
    if (note.firm, note.party) != (firm, node) or note.ciphertext != hashlib.sha256(part.ciphertext).hexdigest():
        raise Malformed(f"{node} has signed another part than it sent")
    return from_bytes(unseal(part.ciphertext, note.context), note.length)
