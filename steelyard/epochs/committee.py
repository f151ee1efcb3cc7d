"""`Committee`: who holds a sharing, and how many of them it takes for what.

n holders, k shares reconstruct, b holders may lie.  Everything follows from one number,

    quorum(n, k, b) = max(k + b, n - k + 1)

A change that a quorum voted for is held by k honest nodes (k + b voters), leaves at most k - 1 shares of the old epoch
with those who did not vote (n - k + 1 voters), and shares an honest voter with every other such quorum (both together).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from steelyard.documents.manifest import Name
from steelyard.errors import Invalid

Point = Annotated[int, msgspec.Meta(ge=1, le=1 << 32)]
Liars = Annotated[int, msgspec.Meta(ge=0, le=30)]
MAX_HOLDERS = 31


class Committee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The holders of one epoch with their points, which are the manifest's and never positions in a list."""

    threshold: Annotated[int, msgspec.Meta(ge=2, le=MAX_HOLDERS)]
    points: dict[Name, Point]

    @property
    def holders(self) -> tuple[str, ...]:
        return tuple(sorted(self.points))

    @property
    def size(self) -> int:
        return len(self.points)

    def check(self, manifest: Mapping[str, int]) -> None:
        """Raises Invalid unless all holders stand in the manifest (`manifest`: points by party) and k fits n."""
        if not self.threshold <= self.size <= MAX_HOLDERS:
            raise Invalid(f"{self.threshold} of {self.size} is no sharing: it takes 1 < threshold <= holders")
        strangers = sorted(party for party, point in self.points.items() if manifest.get(party) != point)
        if strangers:
            raise Invalid(f"{', '.join(strangers)}: not in the manifest, or not at this point")

    def quorum(self, liars: int) -> int:
        return quorum(self.size, self.threshold, liars)


def quorum(size: int, threshold: int, liars: int) -> int:
    """Voters that a change needs, and signatures that give an undecided change up."""
    return max(threshold + liars, size - threshold + 1)


def liars_for(size: int, threshold: int, wanted: int) -> int:
    """The liars that a change can reckon with: as many as wanted, or as leave a quorum among `size` nodes."""
    return max(0, min(wanted, size - threshold))


def reckoned(voters: int, size: int, threshold: int) -> int:
    """The liars that a change of a k-of-n sharing reckons with when so many of its holders vote.

    At least one, where there is a share too many: without a spare voter a disk that is lost right after a change takes
    the values with it.  Raises Invalid for too few voters.
    """
    if voters < min(threshold + 1, size):
        raise Invalid(f"a change of a {threshold}-of-{size} sharing takes {min(threshold + 1, size)} holders")
    return liars_for(voters, threshold, threshold - 1)


@dataclass(frozen=True, slots=True)
class Need:
    """How many holders must be up; None where it cannot be done, then `why` says so."""

    up: int | None
    why: str = ""


def needs(size: int, threshold: int, liars: int) -> dict[str, Need]:
    """What each operation takes from the holders of a k-of-n sharing, when `liars` of them may lie."""
    voters = quorum(size, threshold, liars)
    change = Need(voters) if voters <= size else Need(None, f"{threshold}+{liars} voters are more than {size} holders")
    vacuous = "with n = k there is no share too many: nothing can be checked or made up for"
    return {
        "open": Need(threshold),
        "open, lies noticed": _at_most(threshold + liars, size),
        "open, lies corrected": _at_most(threshold + 2 * liars, size),
        "multiply": _at_most(2 * threshold - 1, size),
        "refresh": change,
        "reshare": change,
        "recover": Need(threshold) if size > threshold else Need(None, vacuous),
        "audit": Need(threshold + 1) if size > threshold else Need(None, vacuous),
        "give up": change,
    }


def require(operation: str, committee: Committee, up: int, liars: int) -> None:
    """Raises Invalid, with the reason, unless so many holders are enough."""
    need = needs(committee.size, committee.threshold, liars)[operation]
    shape = f"{committee.threshold} of {committee.size}"
    if need.up is None:
        raise Invalid(f"{operation} is impossible at {shape} with {liars} liars: {need.why}")
    if up < need.up:
        raise Invalid(f"{operation} at {shape} with {liars} liars takes {need.up} holders, {up} would take part")


def _at_most(up: int, size: int) -> Need:
    return Need(up) if up <= size else Need(None, f"it would take {up} holders")
