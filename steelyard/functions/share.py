"""Share: columns of a dataset stay with the nodes in shares, to be asked about later without their owners' files.

Model       malicious for dealings and the input set, at most k-1 nodes; inputs are what their owners say.
Rounds      4 after the inputs are fixed.   Sends a random dealing of four values, then a vote.
Reveals     to the requester: name and epoch of the sharing, and which contributors are in it.  How many rows each party
            and each contributor shares, padded, to all.
Follows     steelyard.functions.record says what is dealt, steelyard.protocols.create how it comes to be kept.
Differs     nothing is opened; what may be asked about it later is decided by the owners' policies then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from steelyard.documents.attempt import MAX_ROWS, Contribution
from steelyard.documents.contribution import ContributionHeader
from steelyard.documents.stored import Part, Stored
from steelyard.documents.terms import Terms
from steelyard.epochs.change import LIFE_MS, NOTHING, Change
from steelyard.epochs.committee import Committee, reckoned
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector
from steelyard.functions.intake import Parcel
from steelyard.functions.means import Means
from steelyard.functions.moments import distinct
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table, Values
from steelyard.functions.record import (
    MOST_TOGETHER,
    PURPOSE,
    Layout,
    contributions,
    dealt,
    fits,
    narrowed,
    written,
)
from steelyard.functions.selection import Selection
from steelyard.functions.shelves import Shelves
from steelyard.functions.upkeep import LONGEST, numbers
from steelyard.ids import PartyId, identifier
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.create import create
from steelyard.protocols.greet import Greeting, Inputs
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

MAX_COLUMNS: Final = 8
LEAST_ROWS: Final = 16  # that a party deals
MOST_NODES: Final = 31  # whose own records are in it, too


class Shared(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `name` is what the sharing is called; `others` are columns beside the first."""

    name: str
    others: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_COLUMNS - 1)] = ()
    vector: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *self.others)

    def check(self) -> None:
        super().check()
        identifier(self.name, "sharing")
        distinct(self.columns)
        if self.stored:
            raise Invalid("a stored sharing is shared already")


class Share(Question[Shared]):
    """A contributor deals its record."""

    @property
    def releases(self) -> bool:
        return False

    @property
    def waits(self) -> bool:
        return True

    @property
    def stores(self) -> bool:
        return True

    @property
    def purpose(self) -> str:
        """Contributions hold whole tables, padded: no selection of rows, no positions."""
        return "" if self.wanted.where or self.wanted.vector else PURPOSE

    @property
    def most(self) -> int:
        return MOST_TOGETHER - MOST_NODES

    def takes(self, header: ContributionHeader) -> bool:
        return fits(header) and {each.name for each in header.columns} >= set(self.wanted.columns)

    def taken(self, parcel: Parcel) -> tuple[Contribution, Vector]:
        header = parcel.header
        columns = {each.name: each for each in header.columns}
        asked = [columns[name] for name in self.wanted.columns]
        decimals, bounds = tuple(each.decimals for each in asked), tuple(each.bound for each in asked)
        places = tuple(list(columns).index(name) for name in self.wanted.columns)
        share = narrowed(Layout(len(columns), header.rows, vector=False), places, parcel.share)
        return Contribution(header.contributor, header.id, decimals, bounds, header.rows), share

    def earlier(self, attempt: Attempt, means: Means) -> Inputs | None:
        stored = _made(attempt, means.shelves) if means.shelves else None
        return (
            Inputs(contributions(stored, self.wanted.columns), stored.enough, stored.minimum_rows) if stored else None
        )

    def rows(self, table: Table) -> int:
        count = int(table.counts([self.wanted.filter])[0])
        padded = count if self.wanted.vector else max(LEAST_ROWS, 1 << max(count - 1, 0).bit_length())
        if padded > MAX_ROWS:
            raise Invalid(f"at most {MAX_ROWS} rows can be shared, padded to a power of two: select fewer")
        return padded

    def values(self, rows: int) -> int:
        return self._layout(rows).size

    def bring(self, table: Table, rows: int) -> Layers:
        return written(table, self.wanted.columns, self.wanted.filter, self._layout(rows))

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        return dealt(brought, max(len(attempt.participants), len(greeting.contributions)), noise)

    def release(self, held: Held) -> Protocol[Released]:
        attempt, shelves = held.attempt, held.means.shelves
        if shelves is None:
            raise Invalid("this node keeps no stored sharings")
        # 1. An earlier attempt may have come to its end without anybody hearing of it.
        if made := _made(attempt, shelves):
            return Released(_said(made, shelves))
        stored = self._description(attempt, held.greeting)
        # 2. It is the change from nothing to the first epoch.
        committee = Committee(attempt.threshold, {str(party): point for party, point in attempt.points.items()})
        change = Change(
            sharing=stored.id,
            description=stored.digest.hex(),
            manifest=attempt.manifest,
            attempt=attempt.attempt,
            computation=attempt.computation,
            kind="share",
            base=NOTHING,
            old=None,
            new=committee,
            voters=tuple(sorted(attempt.participants)),
            liars=reckoned(committee.size, committee.size, committee.threshold),
            expires_ms=min(shelves.expires_ms, held.greeting.latest_ms + LIFE_MS),
        )
        ballot = shelves.begin(change, stored)
        votes = yield from create(attempt, held.greeting, change, held.shares, held.transcript, ballot)
        ballot.conclude(votes)
        taken = held.taken
        return Released(_said(stored, shelves, taken.waiting, len(taken.doubted)) if taken else _said(stored, shelves))

    def longest(self, participants: int, contributors: int = 0) -> int:
        return LONGEST

    def _description(self, attempt: Attempt, greeting: Greeting) -> Stored:
        """Of the sharing that this computation makes; its id is the computation's."""
        wanted = self.wanted
        return Stored(
            id=attempt.computation,
            name=wanted.name,
            dataset=wanted.dataset,
            columns=wanted.columns,
            where=wanted.where,
            vector=wanted.vector,
            enough=greeting.enough,
            minimum_rows=greeting.minimum_rows,
            parts=tuple(_part(each, greeting) for each in greeting.contributions),
            threshold=attempt.threshold,
        )

    def figures(self, opened: Opening) -> dict[str, Any]:
        epoch, rows, firms, waiting, doubted = opened.rows(5, 1)[:, 0].tolist()
        if epoch < 1 or rows < 1 or not 0 <= firms <= len(opened.contributions) or min(waiting, doubted) < 0:
            raise Malformed("a sharing without an epoch")
        return {
            "name": self.wanted.name,
            "epoch": epoch,
            "rows": rows,
            "columns": list(self.wanted.columns),
            "contributors": [each.party for each in opened.contributions[len(opened.contributions) - firms :]],
            "waiting": waiting,
            "doubted": doubted,
        }

    def released(self) -> str:
        wanted = self.wanted
        names = ", ".join(f"{wanted.dataset}.{name}" for name in wanted.columns)
        where = f" where {wanted.where}" if wanted.where else ""
        return f"that {names}{where} is shared among the nodes as @{wanted.name}; no value"

    def leaks(self) -> Sequence[Leak]:
        exact = "how many rows each party shares"
        padded = f"{exact}, padded to a power of two and at least {LEAST_ROWS}"
        what = exact if self.wanted.vector else padded
        everybody = "every node, the coordinator, the requester"
        if not self.purpose:
            return (Leak(what, everybody),)
        firms = "which contributors without a node are in it, with decimals, declared bounds and padded rows"
        return (Leak(what, everybody), Leak(f"{firms}; how many wait", everybody))

    def _layout(self, rows: int) -> Layout:
        return Layout(len(self.wanted.columns), rows, self.wanted.vector)


def _part(each: Contribution, greeting: Greeting) -> Part:
    hello = greeting.hellos.get(PartyId(each.party))
    terms = hello.terms if hello else Terms()
    return Part(each.party, each.version, each.rows, each.decimals, each.bounds, each.sponsor, terms)


def _made(attempt: Attempt, shelves: Shelves) -> Stored | None:
    """The sharing that this computation makes, if it is there."""
    if shelves.record(attempt.computation).standing != "active":
        return None
    return shelves.described(attempt.computation)


def _said(stored: Stored, shelves: Shelves, waiting: int = 0, doubted: int = 0) -> Vector:
    """Epoch and rows; how many contributors have no node; how many contributions wait, or have failed their check."""
    firms = sum(part.contributor not in shelves.points for part in stored.parts)
    return numbers((1, sum(part.rows for part in stored.parts), firms, waiting, doubted))
