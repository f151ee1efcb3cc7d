"""What nodes sign during one attempt: the hello, the header of a dealing, the input set, the note on the result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Final

import msgspec

from steelyard.digest import digest
from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Hex16, Milliseconds
from steelyard.documents.signed import Document
from steelyard.documents.terms import Terms

MAX_ROWS: Final = 1 << 22
Decimals = Annotated[int, msgspec.Meta(ge=0, le=6)]
Bound = Annotated[int, msgspec.Meta(ge=0, le=1 << 59)]


class Hello(Document, frozen=True, kw_only=True):
    """The first message of an attempt: what I was asked, with whom, my fresh key, what I bring and what I insist on."""

    KIND: ClassVar[str] = "hello"

    computation: Hex16
    attempt: Hex16
    request: Hex32  # digest of the signed request I was given
    manifest: Hex32
    party: Name
    participants: tuple[Name, ...]  # in the manifest's order
    key: Hex32  # X25519, fresh for this attempt
    nonce: Hex16
    contributes: bool
    stored: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?\\Z")] = ""  # epoch of the sharing that is asked about
    version: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32})?\\Z")] = ""  # of the data I contribute
    decimals: tuple[Decimals, ...] = ()  # of the columns I contribute
    bounds: tuple[Bound, ...] = ()  # largest declared |value| of one row in each column, 0 for none declared
    rows: Annotated[int, msgspec.Meta(ge=0, le=MAX_ROWS)] = 0  # that I deal, padding included, where rows are dealt
    enough: bool = False  # all rows are asked for, and I have as many as my owner's minimum
    minimum_rows: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
    minimum_group: Annotated[int, msgspec.Meta(ge=0, le=31)]
    dropouts: bool = False  # exact training may go on without me when I drop out
    terms: Terms = Terms()  # my owner's, for data that is to stay with the nodes
    time_ms: Milliseconds = 0  # my clock, from which everybody reckons when a change of a stored sharing expires


class DealingHeader(Document, frozen=True, kw_only=True):
    """Binds a dealer to what each receiver holds: hash of an explicit share, or of a seeded share's stream key."""

    KIND: ClassVar[str] = "dealing-header"

    computation: Hex16
    attempt: Hex16
    dealer: Name
    length: Annotated[int, msgspec.Meta(ge=1)]  # field elements, masks included
    commitments: dict[str, Hex32]


class Contribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One party's part in the input set; decimals and bound fix what is computed, and how much noise is added."""

    party: Name
    version: str
    decimals: tuple[int, ...]  # of each column
    bounds: tuple[int, ...]
    rows: int = 0
    sponsor: str = ""  # who vouches for a party without a node


def independent(contributions: Iterable[Contribution], requester: str = "") -> int:
    """How many parties these are worth to a minimum group: all firms of one sponsor are one, the requester's none."""
    return len({(each.sponsor, "" if each.sponsor else each.party) for each in contributions} - {(requester, "")})


def identity(computation: str, request: str, contributions: tuple[Contribution, ...]) -> str:
    """Hex digest of an input set without what changes from attempt to attempt."""
    parts = [str(item).encode() for each in contributions for item in msgspec.structs.astuple(each)]
    return digest("input-set", computation.encode(), request.encode(), *parts).hex()


class InputSet(Document, frozen=True, kw_only=True):
    """Who contributed what.  A node signs for one computation only ever one set of contributions (`identity`)."""

    KIND: ClassVar[str] = "input-set"

    computation: Hex16
    request: Hex32
    contributions: tuple[Contribution, ...]  # in the manifest's order
    threshold: Annotated[int, msgspec.Meta(ge=2, le=31)]  # that many shares give the result
    attempt: Hex16
    transcript: Hex32  # digest of all dealing headers of this attempt

    @property
    def identity(self) -> str:
        """Hex digest of what stays the same over attempts."""
        return identity(self.computation, self.request, self.contributions)

    @property
    def parties(self) -> tuple[str, ...]:
        return tuple(each.party for each in self.contributions)


class Survivors(Document, frozen=True, kw_only=True):
    """Who is in a sum that is about to be opened to the nodes.  A node signs one list for a step, ever."""

    KIND: ClassVar[str] = "survivors"

    computation: Hex16
    attempt: Hex16
    step: Annotated[str, msgspec.Meta(max_length=200)]
    survivors: tuple[Name, ...]  # in the manifest's order
    headers: Hex32  # digest of what was summed up before, and of the headers of their dealings


class ResultNote(Document, frozen=True, kw_only=True):
    """Binds a sealed result share to the request, the input set and the node it comes from."""

    KIND: ClassVar[str] = "result-note"

    computation: Hex16
    request: Hex32
    party: Name
    input_set: bytes  # the exact bytes the quorum signed
    ciphertext: Hex32  # SHA-256
    length: Annotated[int, msgspec.Meta(ge=1)]  # bytes of ciphertext
