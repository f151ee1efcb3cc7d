"""Set-off: circles of debts between firms are cleared; each firm learns its own part, the requester totals.

Model       that of steelyard.protocols.set_off_round; contributions as steelyard.functions.take_up checks them.
Rounds      those of a set-off round.   Sends the same; then to every firm its part of its notice, sealed.
Reveals     see `leaks`: the totals to the requester, its own lines to each firm, and what is opened on the way.
Follows     docs/decisions/0011-set-off.md.
Differs     notices travel inside the requester's result, who cannot open them; each is sealed to its firm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard.documents.attempt import Contribution, identity
from steelyard.documents.contribution import ContributionHeader, Measure
from steelyard.documents.notice import Tells
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector
from steelyard.functions.intake import Parcel
from steelyard.functions.notices import about, sealed_parts
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table
from steelyard.functions.selection import Selection
from steelyard.protocols.certificate import DECIMALS
from steelyard.protocols.circulation import whole
from steelyard.protocols.compare import longest_message
from steelyard.protocols.saved import Saved
from steelyard.protocols.sealed_round import Declared
from steelyard.protocols.set_off_round import CLEARED, OWED, Outcome, Policy, clear
from steelyard.rounds import Protocol
from steelyard.setoff.classes import filled
from steelyard.setoff.schedule import Schedule
from steelyard.setoff.terms import MOST_ROWS, Terms

PURPOSE: Final = "obligations"
AMOUNT: Final = "amount"
_EVERYBODY: Final = "every node"
_LAYERS: Final = len(CLEARED) + 1  # figures of a cell
_BYTES: Final = 512  # of one message, for every arc


class Round(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: the terms under which firms have contributed, and how they are cleared.

    `smaller`: where two sides differ, what both say at least counts.  `least_firms` with debts there must be, lest
    totals say too much.  A `dry_run` tells every firm only how much it would save.  With `notices_only` nothing is said
    of all firms together: such a run may follow another though a few firms have said something else since, whose debts
    would be the difference between two totals.
    """

    column: str = AMOUNT
    terms: Terms
    steps: int = 400
    step_bits: int | None = None
    phases: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    smaller: bool = False
    least_firms: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    dry_run: bool = False
    notices_only: bool = False

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.steps, self.step_bits, phases=self.phases)

    def check(self) -> None:
        super().check()
        self.terms.check()
        if self.stored or self.where or (self.dataset, self.column) != (self.terms.round, AMOUNT):
            raise Invalid("a round is cleared whole: its name is the dataset, amount the column")
        _ = self.schedule  # raises Invalid, too


class SetOff(Question[Round]):
    """Firms without nodes contribute; the nodes have nothing of their own to bring."""

    @property
    def multiplies(self) -> bool:
        return True

    @property
    def waits(self) -> bool:
        return True

    @property
    def local(self) -> bool:
        return True

    @property
    def searches(self) -> bool:
        """The same debts cleared again under other rules tell more of them."""
        return True

    @property
    def own(self) -> bool:
        return self.wanted.notices_only

    @property
    def purpose(self) -> str:
        return PURPOSE

    def values(self, rows: int) -> int:
        return 0

    def bring(self, table: Table, rows: int) -> Layers:
        raise Invalid("firms take part in a round by contributing; this node has a dataset of its name")

    def takes(self, header: ContributionHeader) -> bool:
        terms, layers = self.wanted.terms, {each.name: each.length for each in header.layers}
        measured = header.columns == (Measure(AMOUNT, terms.decimals, 0),)
        return measured and header.contributor in terms and len(layers) == len(header.layers) and terms.fits(layers)

    def taken(self, parcel: Parcel) -> tuple[Contribution, Vector]:
        header = parcel.header
        return Contribution(header.contributor, header.id, (self.wanted.terms.decimals,), (0,)), parcel.share

    def release(self, held: Held) -> Protocol[Released]:
        wanted = self.wanted
        parcels = dict(held.taken.parcels) if held.taken else {}
        numbers = {wanted.terms.number(firm): firm for firm in parcels}
        declared = {number: parcels[numbers[number]].layers() for number in sorted(numbers)}
        group = held.greeting.minimum_group
        if not wanted.terms.sealed and (rows := self._rows(declared, group)) > MOST_ROWS:
            text = f"all firms together have at most {MOST_ROWS} rows, these {rows} with those that fill up"
            raise Invalid(f"{text}: split the round")
        # 1. Clear.
        circle = yield from held.circle()
        saved = Saved(held.attempt, held.means.checkpoints)
        least = None if wanted.notices_only else max(wanted.least_firms, group)
        policy = Policy(least, group, wanted.smaller, self._barred(), wanted.schedule)
        outcome = yield from clear(circle, wanted.terms, policy, declared, saved)
        # 2. Seal to every firm what it is told.
        told = {
            firm: self._told(parcels[firm].header, declared[number], outcome.told[number])
            for number, firm in sorted(numbers.items())
        }
        inputs = identity(held.attempt.computation, held.attempt.request, held.greeting.contributions)
        keys = {firm: parcel.sealing for firm, parcel in parcels.items()}
        tells: Tells = "saving" if wanted.dry_run else "lines"
        attachment = sealed_parts(held.attempt, wanted.dataset, inputs, tells, told, keys)
        return _released(outcome, attachment)

    def figures(self, opened: Opening) -> dict[str, Any]:
        wanted = self.wanted
        return {
            **_figures(opened),
            "round": wanted.dataset,
            "mode": wanted.terms.mode,
            "steps": wanted.steps,
            "currency": wanted.terms.currency,
            "decimals": wanted.terms.decimals,
            "firms": len(opened.contributions),
            "dry_run": wanted.dry_run,
            "opened": [{"what": each.what, "to": each.to} for each in self._opened()],
        }

    def released(self) -> str:
        if self.wanted.notices_only:
            return f"of the round {self.wanted.dataset} no figure: notices alone, which it cannot open"
        return (
            f"of the round {self.wanted.dataset}, if firms with debts are enough: total and net internal debt; if those"
            " with a set-off are enough, too: what is cleared, net internal debt after it, how many firms have a"
            " set-off, how much cash is used, and the certified share"
        )

    def leaks(self) -> Sequence[Leak]:
        told = (
            "how much it would save" if self.wanted.dry_run else "what is cleared of each of its own debts and claims"
        )
        more = "" if self.wanted.dry_run else ", and with whom it does not agree"
        firms = Leak(f"{told}{more}: sealed to it, inside the requester's result", "each firm, of itself alone")
        kinds = "debtors, creditors, lenders or borrowers" if self.wanted.terms.credit else "debtors or creditors"
        rows = f"how many {kinds} each firm has at most, the larger number alone, as a power of two"
        buckets = Leak(rows, f"{_EVERYBODY}, the coordinator, its sponsor")
        return (*self._opened(), firms, *(() if self.wanted.terms.sealed else (buckets,)))

    def longest(self, participants: int, contributors: int = 0) -> int:
        size = self.wanted.terms.size
        arcs = 2 * size * size + 3 * size if self.wanted.terms.sealed else 2 * MOST_ROWS
        return max(_BYTES * arcs, longest_message(4 * arcs, participants))

    def _opened(self) -> tuple[Leak, ...]:
        """What is opened on the way, and the result."""
        wanted, circle = self.wanted, f"{_EVERYBODY} that takes part"
        whom = "who owes whom and, apart from that, who lends to whom" if wanted.terms.credit else "who owes whom"
        graph = f"{whom}, under names made for this attempt and with arcs of zero added, so many that at least a"
        graph += " minimum group of firms pays the same number of arcs, as all know of each; a firm that far more firms"
        graph += " owe than those who pay as many shows by that; no amounts"
        return (
            Leak("whether all debts together are too large to be cleared", circle),
            *(() if wanted.notices_only else self._said_of_all(circle)),
            *(() if wanted.terms.sealed else (Leak(graph, circle),)),
            Leak(
                "before each phase of the repair, whether all firms are balanced; from its time the coordinator", circle
            ),
            Leak("two numbers that are zero if what is cleared is sound, else random", circle),
            Leak(self.released(), "requester"),
        )

    def _said_of_all(self, circle: str) -> tuple[Leak, ...]:
        median = "between which powers of two the median debt lies, if firms with debts are enough"
        return (
            Leak("whether there are some firms with debts, but too few", circle),
            *(() if self.wanted.step_bits else (Leak(median, circle),)),
            Leak("whether there are some firms with a set-off, but too few", circle),
            Leak("the certified share, to four decimals, if firms with a set-off are enough", circle),
        )

    def _rows(self, declared: Declared, group: int) -> int:
        """Of a skeleton, on all sides together, when payers' sides are filled up."""
        own = [layers["payables"].size for layers in declared.values()]
        return len(self.wanted.terms.sides) // 2 * (sum(own) + sum(filled(own, group)))

    def _told(self, header: ContributionHeader, layers: Mapping[str, Vector], told: Vector) -> Vector:
        """All lines, behind the contribution that they are about; or what is cleared of all payables together."""
        if self.wanted.dry_run:
            return whole(told[: layers["payables"].size])
        return np.concatenate([np.array(about(header.id), dtype=np.uint64), told])

    def _barred(self) -> NDArray[np.bool_]:
        terms = self.wanted.terms
        if not terms.sealed:
            return np.zeros((0, 0), dtype=np.bool_)
        barred = np.zeros((terms.size, terms.size), dtype=np.bool_)
        for group in terms.excluded:
            numbers = [terms.number(firm) for firm in group]
            barred[np.ix_(numbers, numbers)] = True
        return barred


def _released(outcome: Outcome, attachment: bytes) -> Released:
    """Two cells: what is owed, and the step; what is cleared, and the certified share."""
    nothing = np.zeros(_LAYERS, dtype=np.uint64)
    cells = [nothing, nothing]
    if outcome.owed is not None:
        cells[0] = _cell(outcome.owed, outcome.step_bits)
    if outcome.cleared is not None and outcome.certified is not None:
        cells[1] = _cell(outcome.cleared, outcome.certified)
    suppressed = tuple(at for at, cell in enumerate((outcome.owed, outcome.cleared)) if cell is None)
    kept = [at for at in range(len(cells)) if at not in suppressed]
    return Released(np.stack(cells, axis=1)[:, kept].reshape(-1), suppressed, attachment)


def _cell(shares: Vector, public: int) -> Vector:
    return np.concatenate([shares, np.array([public], dtype=np.uint64), np.zeros(_LAYERS, dtype=np.uint64)])[:_LAYERS]


def _figures(opened: Opening) -> dict[str, Any]:
    """Totals, None where firms are too few."""
    kept = [cell for cell in range(2) if cell not in opened.suppressed]
    found = dict(zip(kept, opened.rows(_LAYERS, 2).T.tolist(), strict=True))
    shown: dict[str, Any] = dict.fromkeys((*OWED, *CLEARED, "remaining", "cleared_per_cash", "certified_share", "step"))
    shown |= {"suppressed": bool(opened.suppressed)}
    if 0 in found:
        *owed, bits = found[0][: len(OWED) + 1]
        shown |= dict(zip(OWED, owed, strict=True)) | {"step": 1 << min(max(bits, 0), 63)}
    if 1 in found:
        *cleared, certified = found[1]
        shown |= dict(zip(CLEARED, cleared, strict=True))
        if not 0 <= shown["cleared"] <= (shown["total"] or 0) or not 0 <= certified <= 10**DECIMALS:
            raise Malformed("totals of a round that cannot be")
        shown |= {"remaining": shown["total"] - shown["cleared"], "certified_share": certified / 10**DECIMALS}
        shown |= {"cleared_per_cash": round(shown["cleared"] / shown["cash"], 4) if shown["cash"] > 0 else None}
    return shown
