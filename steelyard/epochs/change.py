"""`Change`: one attempt to take a stored sharing from one epoch to the next, in words that all voters must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

import msgspec

from steelyard.digest import digest
from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Hex16, Milliseconds
from steelyard.documents.signed import Document
from steelyard.epochs.committee import Committee, Liars, quorum
from steelyard.errors import Invalid

Epoch = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
Kind = Literal["share", "refresh", "reshare"]


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a sharing stands: the epoch, and the attempt that made it.  Shares of two bases are never mixed."""

    epoch: Epoch
    attempt: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32})?\\Z")]


CHANGING: Final = frozenset({"share", "refresh", "reshare", "recover", "forget"})  # functions that vote on a sharing
LIFE_MS: Final = 15 * 60_000  # of a change of what there is: so long a silent voter may keep all others waiting
NOTHING = Base(0, "")  # before a sharing exists


class Slot(NamedTuple):
    """The name of one share on a disk."""

    sharing: str
    epoch: int
    attempt: str


class Change(Document, frozen=True, kw_only=True, dict=True):
    """From `base` to the next epoch, made by `attempt`.  `voters` take part; all of them must vote for it."""

    KIND: ClassVar[str] = "change"

    sharing: Hex16
    description: Hex32  # digest of what is shared: dataset, columns, parts, layout
    manifest: Hex32
    attempt: Hex16
    computation: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32})?\\Z")] = ""  # that asked for it: it is done once
    kind: Kind
    base: Base
    old: Committee | None  # None when there was nothing
    new: Committee
    voters: tuple[Name, ...]  # sorted
    liars: Liars
    expires_ms: Milliseconds  # after it, an undecided voter may help to give the change up

    @cached_property
    def digest(self) -> str:
        return digest("document", self.KIND.encode(), self.encode()).hex()

    @property
    def about(self) -> dict[str, str]:
        """What every vote on it names."""
        return {"sharing": self.sharing, "attempt": self.attempt, "change": self.digest}

    @property
    def made(self) -> Base:
        return Base(self.base.epoch + 1, self.attempt)

    @property
    def slot(self) -> Slot:
        return Slot(self.sharing, self.made.epoch, self.attempt)

    @property
    def keepers(self) -> tuple[str, ...]:
        """The voters who still hold the base if nothing comes of this; of something new, all voters."""
        return tuple(each for each in self.voters if self.old is None or each in self.old.points)

    @property
    def giving_up(self) -> int:
        """Signatures of keepers that it takes to give this up without knowing how everybody voted."""
        return quorum(len(self.keepers), (self.old or self.new).threshold, self.liars)

    def check(self, manifest: Mapping[str, int]) -> None:
        """Raises Invalid for what no honest voter may vote on.  `manifest`: points by party."""
        self.new.check(manifest)
        if self.voters != tuple(sorted(set(self.voters))):
            raise Invalid("voters are named once, in order")
        if not set(self.voters) <= self._entitled():
            raise Invalid("somebody would vote who holds nothing, neither before nor after")
        self._check_kind()
        self._check_enough()

    def _entitled(self) -> set[str]:
        return set(self.new.points) | (set(self.old.points) if self.old else set())

    def _check_kind(self) -> None:
        if (self.kind == "share") != (self.old is None) or (self.kind == "share") != (self.base == NOTHING):
            raise Invalid("a sharing is made from nothing, and changed from what is there")
        if self.kind == "refresh" and self.old != self.new:
            raise Invalid("a refresh keeps the holders and the threshold; use a resharing to change them")
        moved = [party for party, point in self.new.points.items() if self.old and self.old.points.get(party) != point]
        if self.old and any(party in self.old.points for party in moved):
            raise Invalid("a point belongs to one party for ever")

    def _check_enough(self) -> None:
        if self.old is not None:
            self._enough(self.old, len(self.keepers), "old")
        taking = [party for party in self.voters if party in self.new.points]
        if self.kind != "refresh" and len(taking) != self.new.size:
            raise Invalid("everybody who is to hold a share of a new committee must take part")
        if len(taking) < self.new.threshold + self.liars:
            raise Invalid(f"{len(taking)} new holders are fewer than threshold and liars together")

    def _enough(self, committee: Committee, count: int, which: str) -> None:
        if count < committee.quorum(self.liars):
            raise Invalid(f"{count} {which} holders are no quorum of {committee.quorum(self.liars)}")


def share_digest(slot: Slot, party: str, share: bytes | bytearray | memoryview) -> str:
    """Stands for one holder's share; the padding in every share keeps it from being guessed."""
    names = (slot.sharing, str(slot.epoch), slot.attempt, party)
    return digest("share", *(each.encode() for each in names), share).hex()
