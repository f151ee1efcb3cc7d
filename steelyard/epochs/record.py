"""`Record`: everything that a node must remember about one sharing, as one row that is replaced in one transaction."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from steelyard.documents.signed import Signed
from steelyard.epochs.certificate import Abort, Certificate, Commit, credible
from steelyard.epochs.change import NOTHING, Base, Change, Slot
from steelyard.epochs.committee import Committee

# empty: I have no share (yet, or any more);  active: I serve the share of `active`;
# stale: others have gone on without me, or I lost something: recovery is due
Standing = Literal["empty", "active", "stale"]
REFUSALS: Final = 16  # that are kept to be shown: anybody may ask for more, by making changes up


class Undecided(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one change under way.  Until it is decided, the shares of before and after it both stay on the disk."""

    change: Change
    prepared: Signed | None = None
    unlocked: Signed | None = None

    @property
    def open(self) -> bool:
        """I can still refuse."""
        return self.prepared is None and self.unlocked is None


class Generation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One epoch that I hold a share of, who else does, and by which certificate."""

    base: Base
    committee: Committee
    commit: Commit


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sharing: str
    standing: Standing = "empty"
    active: Generation | None = None
    kept: Generation | None = None  # the one before, as I promised when I unlocked
    undecided: Undecided | None = None
    promised: bool = False  # I unlocked an attempt to leave `active` that I know nothing of
    refusals: tuple[Signed, ...] = ()  # my last votes against attempts to leave `active`
    abandoned: tuple[Abort, ...] = ()  # by which attempts to leave `active`, or the one before, were given up
    ahead: Commit | None = None  # why I am stale
    recovered: bool = False  # I hold `active` by recovery: what I voted before I may have forgotten

    @property
    def base(self) -> Base:
        return self.active.base if self.active else NOTHING

    @property
    def slots(self) -> frozenset[Slot]:
        """The shares that must stay; every other one of this sharing is to be erased."""
        bases = {each.base for each in (self.active, self.kept) if each}
        bases |= {each.change.made for each in (self.undecided, self.ahead) if each}
        return frozenset(Slot(self.sharing, base.epoch, base.attempt) for base in bases)

    def refusal(self, change: Change) -> Signed | None:
        """My vote against it, if it is among the last."""
        names = (change.attempt.encode(), change.digest.encode())
        return next((each for each in self.refusals if all(name in each.payload for name in names)), None)

    def refusing(self, vote: Signed) -> Record:
        """With one more vote against an attempt; older ones are forgotten, but their attempts stay used."""
        return msgspec.structs.replace(self, refusals=(*self.refusals, vote)[-REFUSALS:])

    def gave_up(self, change: Change) -> bool:
        return any(each.change == change for each in self.abandoned)

    def siblings(self, change: Change) -> tuple[Abort, ...]:
        """Attempts that were given up beside this one: who committed one of them must hear of it still."""
        return tuple(each for each in self.abandoned if change.base in (each.change.base, each.change.made))

    @property
    def reverted(self) -> bool:
        """What I committed was given up by others."""
        return self.active is not None and self.gave_up(self.active.commit.change)

    @property
    def known(self) -> Committee | None:
        """The last holders that I can be sure of."""
        if self.active is None:
            return None
        return self.active.commit.change.old if self.reverted else self.active.committee

    def believes(self, certificate: Certificate) -> bool:
        """Whether k of the holders that I know signed it; who knows nobody has nothing to hold it against."""
        return self.known is None or credible(certificate, self.known)
