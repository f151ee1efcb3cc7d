"""Taking up: contributions of firms without a node come into a computation beside what the parties deal.

Model       malicious, at most k-1 nodes and any number of contributors; private authenticated channels.
Rounds      2, and 2 more each time that a dealing is found bad.   Sends what the admission of contributions sends.
Reveals     to the nodes, which contributions each of them holds.
Follows     steelyard.protocols.admit.
Differs     a contribution that fails its check is left out and the rest goes on.  So one lying node can keep a firm
            out; it can do so anyway, by saying that it does not hold the contribution.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from steelyard.documents.contribution import ContributionHeader
from steelyard.errors import Cheated
from steelyard.field import Vector
from steelyard.functions.intake import Intake, Parcel, Parcels, Wanted, anything, salted
from steelyard.ids import PartyId
from steelyard.protocols.admit import Admitted, Held, admit
from steelyard.protocols.attempt import Attempt
from steelyard.rounds import Protocol
from steelyard.sharing.combination import BEHIND


@dataclass(frozen=True, slots=True)
class TakenUp:
    """The same at all participants, but for the shares."""

    parcels: Parcels = field(repr=False)  # in the order of their names, without masks
    waiting: int  # contributions that some participants do not hold, or that there was no room for
    doubted: tuple[PartyId, ...]  # whose contributions failed the check
    transcript: str  # hex digest of all that was admitted

    def without(self, odd: Collection[PartyId]) -> TakenUp:
        """Those contributors left out, as if their dealings were bad."""
        parcels = {contributor: each for contributor, each in self.parcels.items() if contributor not in odd}
        return replace(self, parcels=parcels, doubted=tuple(sorted({*self.doubted, *odd})))


def take_up(
    attempt: Attempt,
    intake: Intake,
    dataset: str,
    purpose: str,
    *,
    wanted: Wanted = anything,
    checked: Callable[[Parcel], Vector] = lambda parcel: parcel.share,
    most: int | None = None,
) -> Protocol[TakenUp]:
    """What all participants hold of this dataset, for this purpose, and `wanted` by its header; the oldest `most`.

    `checked` is what of a share must be one of a sharing over the field.

    A function calls this between `meet` and `agree`, names every contributor in the input set, with the contribution's
    id as its data version, and drops at the intake what it has stored for good.  The order of contributors is that of
    their names.  Raises Cheated where nodes are to blame.
    """

    def fits(header: ContributionHeader) -> bool:
        return header.threshold == attempt.threshold and salted(header) and wanted(header)

    found = intake.held(dataset, purpose, fits)
    mine = dict(sorted(found.items()))
    doubted: list[PartyId] = []
    # 1. Admit what all hold; who fails the check is left out of the next round.
    while True:
        held = {contributor: Held(each.digest, checked(each), each.sponsor) for contributor, each in mine.items()}
        try:
            admitted = yield from admit(attempt, held, attempt.threshold)
        except Cheated as error:
            named = _named(mine, error)
            for contributor in named:
                intake.doubt(mine.pop(contributor).header.id, error.culprits, error.suspects)
            doubted += named
        else:
            return _chosen(mine, admitted, tuple(sorted(doubted)), most)


def _named(mine: Parcels, error: Cheated) -> list[PartyId]:
    """Contributors whose dealing is bad, or may be; raises the error again when it is about nodes alone."""
    named = [contributor for contributor in mine if contributor in {*error.culprits, *error.suspects}]
    if not named or set(error.culprits) - mine.keys():
        raise error
    return named


def _chosen(mine: Parcels, admitted: Admitted, doubted: tuple[PartyId, ...], most: int | None) -> TakenUp:
    parcels = {each: replace(mine[each], share=mine[each].share[:-BEHIND]) for each in admitted.shares}
    oldest = sorted(parcels, key=lambda contributor: (parcels[contributor].header.created_ms, contributor))
    kept = {contributor: parcels[contributor] for contributor in sorted(oldest[:most])}
    waiting = admitted.elsewhere + len(parcels) - len(kept)
    return TakenUp(kept, waiting, doubted, admitted.transcript)
