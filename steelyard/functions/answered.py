"""What firms without a node have answered to one request, as nodes hold it and pass it on.

A firm's contribution lies under a name that is made of the digest of the call: of all that the requester has signed but
the computation's id and the time.  So its signature is its consent to this one question, and to no other.  It holds the
firm's note, sealed to the requester and the same at every node, and the node's share of the firm's block
(steelyard.ckks.dealt).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from msgspec.structs import replace

from steelyard import records
from steelyard.digest import digest
from steelyard.documents.contribution import ContributionHeader
from steelyard.documents.request import Request
from steelyard.errors import Cheated, Malformed
from steelyard.field import Vector
from steelyard.functions.intake import Parcel
from steelyard.ids import PartyId

PURPOSE: Final = "answer"
NOTE: Final = "note"
BLOCK: Final = "block"
MAX_NOTE: Final = 1 << 11  # numbers
MAX_BLOCK: Final = 1 << 21  # residues: twice those of a score of all features
_NAMED: Final = 48  # hexadecimal digits
_BYTES: Final = 7  # of a note in each number, so that it is a field element


class Carried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The note of a node that stands in for firms: its own, where it has statements, and the firms', sealed."""

    own: bytes
    firms: dict[str, bytes]

    def __repr__(self) -> str:
        return f"Carried({', '.join(self.firms)})"


def call_of(request: Request) -> str:
    """Hex digest of what firms agree to; the same for a request that is made again, as long as the call is valid."""
    return digest("call", replace(request, computation="", created_ms=0).encode()).hex()


def held_as(call: str) -> str:
    """What answers to a call, by its hex digest, are held as: a name in the place of a dataset's."""
    return f"call_{call[:_NAMED]}"


def is_answer(header: ContributionHeader) -> bool:
    """Whether it has the layers of an answer to some call, of one statement."""
    if [each.name for each in header.layers] != [NOTE, BLOCK] or header.rows != 1 or header.columns:
        return False
    note, block = (each.length for each in header.layers)
    return 0 < note <= MAX_NOTE and 0 < block <= MAX_BLOCK


def fits(header: ContributionHeader, block: int) -> bool:
    """Whether it has those of an answer whose block has so many residues."""
    return is_answer(header) and header.layers[-1].length == block


def numbers(note: bytes) -> Vector:
    """A note as field elements: its length, then seven bytes in each."""
    padded = np.frombuffer(note + bytes(-len(note) % _BYTES), dtype=np.uint8).reshape(-1, _BYTES)
    words = np.pad(padded, ((0, 0), (0, 8 - _BYTES))).reshape(-1).view("<u8")
    return np.concatenate([np.array([len(note)], dtype=np.uint64), words.astype(np.uint64)])


def note_of(parcel: Parcel) -> bytes:
    """A firm's note, as sealed."""
    return read_numbers(parcel.layers()[NOTE])


def read_numbers(found: Vector) -> bytes:
    """The inverse of `numbers`; of what is no note some other bytes, which do not open."""
    words = np.ascontiguousarray(found[1:].astype("<u8")).view(np.uint8).reshape(-1, 8)
    return words[:, :_BYTES].tobytes()[: int(found[0])]


def carried(note: bytes) -> Carried:
    """Raises Malformed."""
    try:
        return records.from_msgpack(note, Carried)
    except records.DecodeError:
        raise Malformed("a node that stands in for firms has sent a note that is none") from None


def agreed(notes: Mapping[PartyId, Carried], firms: Sequence[PartyId]) -> Mapping[PartyId, bytes]:
    """The firms' notes, which all who stand in for them have sent alike; raises Cheated.

    A firm whose notes differ may have dealt different ones.
    """
    told = [each.firms for each in notes.values()]
    if any(set(each) != set(firms) for each in told):
        text = "the nodes that stand in for firms sent notes of others than those that answered"
        raise Cheated(text, suspects=tuple(notes))
    if odd := [firm for firm in firms if len({each[firm] for each in told}) > 1]:
        text = (
            f"the nodes that stand in for firms sent different notes of {', '.join(odd)}, or were dealt different ones"
        )
        raise Cheated(text, suspects=(*notes, *odd))
    return {firm: told[0][firm] for firm in firms}
