"""Set-off round: from what firms have dealt to what each of them is told, and what is said of all of them together.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; any number of firms may lie, each about its own debts.
Rounds      9 of its own, and those of its parts: confirmation or skeleton, preparation, every step, repair,
            certificate, totals; and one in which nothing is sent after every slice of steps and every other long part.
            Sends the same.
Reveals     to all participants: whether all debts together are too large, and whether firms with debts, and then those
            with a set-off, are too few; what repair reveals, what preparation and certificate do if they are not, and
            in skeleton mode what a skeleton does.
Follows     docs/decisions/0011-set-off.md.
Differs     shares are saved before the first step and after every slice of steps: an attempt goes on where all have
            saved the same.  What is told is shared afresh, so it says nothing of how it was computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard import field as elements
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols import sealed_round, skeleton_round
from steelyard.protocols.certificate import certified_share, upper_bound, verify
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import Progress, advance, imbalance, positive, prepare, start, sums, whole
from steelyard.protocols.circulation import Terms as Ground
from steelyard.protocols.multiply import multiply, reshare
from steelyard.protocols.open_numbers import open_numbers
from steelyard.protocols.repair import repair
from steelyard.protocols.round_totals import round_totals
from steelyard.protocols.saved import Saved
from steelyard.protocols.sealed_round import Declared, Gathered, Told
from steelyard.rounds import Protocol, called, swift
from steelyard.setoff.book import TOTAL_BITS
from steelyard.setoff.schedule import Schedule
from steelyard.setoff.terms import Terms

SLICES: Final = 20
OWED: Final = ("total", "nid_before")
CLEARED: Final = ("cleared", "nid_after", "firms_with_setoff", "cash")


@dataclass(frozen=True, slots=True)
class Policy:
    """Public: how many firms a total is about at least, what counts where two sides differ, who clears with whom.

    With `least` None nothing is said of all together.  `group` firms at least have the same number of arcs to pay in a
    skeleton.
    """

    least: int | None
    group: int
    smaller: bool
    barred: NDArray[np.bool_] = field(repr=False)
    schedule: Schedule

    def plan(self, few: bool) -> Schedule:
        """Where nothing is said of all together, nothing is opened of how large their debts are."""
        return self.schedule.blind if few and self.schedule.step_bits is None else self.schedule


@dataclass(frozen=True, slots=True)
class Outcome:
    """Shares, in the order of OWED and of CLEARED; None where firms are too few, and so is the `certified` share."""

    told: Told = field(repr=False)
    step_bits: int
    owed: Vector | None = field(default=None, repr=False)
    cleared: Vector | None = field(default=None, repr=False)
    certified: int | None = None


@dataclass(frozen=True, slots=True)
class _State:
    gathered: Gathered
    ground: Ground
    progress: Progress
    few: bool
    group: int


def clear(circle: Circle, terms: Terms, policy: Policy, declared: Declared, saved: Saved) -> Protocol[Outcome]:
    """Raises Invalid when all debts together are too large, Cheated when what comes out is no circulation."""
    # 1. From the start, or from where all participants have been before.
    state = yield from _state(circle, terms, policy, declared, saved)
    # 2. Slice by slice to the last step.
    schedule, slice_ = policy.plan(state.few), _slice(policy.schedule)
    progress, topology = state.progress, state.gathered.layout.topology
    while progress.taken < schedule.steps:
        name = f"step {min(progress.taken + slice_, schedule.steps)}/{schedule.steps}"
        progress = yield from called(name, swift(advance(circle, topology, state.ground, progress, schedule, slice_)))
        saved.keep(1 + -(-progress.taken // slice_), progress.packed())
    # 3. Exact to the last minor unit, and shown to be.
    flow = yield from called("repair", swift(repair(circle, topology, state.ground.room, progress.flow, schedule)))
    yield from called("verify", verify(circle, topology, state.gathered.amounts, flow))
    # 4. What is said to each, and of all together, if they are enough.
    told = yield from called("notices", _told(circle, terms, declared, state, flow))
    outcome = Outcome(told, state.ground.bits)
    if state.few or policy.least is None:
        return outcome
    owed, cleared = yield from called("totals", _totals(circle, terms, state.gathered, flow))
    if (yield from called("limits", _too_few(circle, cleared[[CLEARED.index("firms_with_setoff")]], policy.least))):
        return replace(outcome, owed=owed)
    certified = yield from called("certificate", swift(_certified(circle, state, progress.prices, flow)))
    return replace(outcome, owed=owed, cleared=cleared, certified=certified)


def _slice(schedule: Schedule) -> int:
    return max(1, -(-schedule.steps // SLICES))


def _state(circle: Circle, terms: Terms, policy: Policy, declared: Declared, saved: Saved) -> Protocol[_State]:
    number = yield from saved.common()
    if number:
        return _restored(terms, policy.schedule, saved, number)
    # 1. What both sides say.
    if terms.sealed:
        gathering = sealed_round.gather(circle, terms, declared, policy.smaller, policy.barred)
    else:
        gathering = skeleton_round.gather(circle, terms, declared, policy.smaller, policy.group)
    gathered: Gathered = yield from called("confirmation", gathering)
    few = yield from called("limits", _limits(circle, gathered, policy.least))
    # 2. The size of a step, and each firm's share in it.
    topology = gathered.layout.topology
    preparing = prepare(circle, topology, gathered.amounts, gathered.worths, policy.plan(few))
    ground = yield from called("preparation", swift(preparing))
    public = np.array([ground.bits, few, policy.group], dtype=np.uint64)
    saved.keep(1, [public, ground.room, ground.multipliers, *gathered.packed()])
    return _State(gathered, ground, start(topology), few, policy.group)


def _restored(terms: Terms, schedule: Schedule, saved: Saved, number: int) -> _State:
    public, room, multipliers, *packed = saved.read(1)
    gathered = Gathered.unpacked(terms, packed)
    bits, few, group = public.tolist()
    ground = Ground(bits, room, gathered.worths, multipliers)
    progress = start(gathered.layout.topology)
    if number > 1:
        progress = Progress(min((number - 1) * _slice(schedule), schedule.steps), *saved.read(number))
    return _State(gathered, ground, progress, bool(few), group)


def _limits(circle: Circle, gathered: Gathered, least: int | None) -> Protocol[bool]:
    """Whether there are some firms with debts, but too few of them: so taken where nobody asks.

    Raises Invalid for debts that are too large.
    """
    debts, arcs = gathered.layout.debts, gathered.layout.debts.arcs
    caps = gathered.layout.starts[3]
    owed = gathered.amounts[:arcs]
    # 1. Is it too much?
    total = elements.subtract(whole(gathered.amounts[:caps]), np.array([(1 << TOTAL_BITS) - 1], dtype=np.uint64))
    if (yield from _opened(circle, (yield from positive(circle, total)))):
        raise Invalid(f"all debts together reach {1 << TOTAL_BITS:,} minor units: clear part of them in another round")
    if least is None:
        return True
    # 2. Who has debts; are they too few?
    has = yield from positive(circle, elements.add(sums(debts.outgoing, owed), sums(debts.incoming, owed)))
    return (yield from _too_few(circle, whole(has), least))


def _too_few(circle: Circle, count: Vector, least: int) -> Protocol[bool]:
    """Whether `count`, a share of (1,), is above zero, but below `least`: opened."""
    limits = np.array([0, least - 1], dtype=np.uint64)
    beyond = yield from positive(circle, elements.subtract(np.repeat(count, 2), limits))
    return (yield from _opened(circle, elements.subtract(beyond[:1], beyond[1:])))


def _opened(circle: Circle, bit: Vector) -> Protocol[bool]:
    return bool((yield from open_numbers(circle, "limits", (yield from reshare(circle, "limits", bit))))[0])


def _certified(circle: Circle, state: _State, prices: Vector, flow: Vector) -> Protocol[int]:
    gathered, ground = state.gathered, state.ground
    topology, worths = gathered.layout.topology, gathered.worths
    most = yield from upper_bound(circle, topology, ground.room, worths, prices, ground.bits)
    return (yield from certified_share(circle, worths, flow, most))


def _totals(circle: Circle, terms: Terms, gathered: Gathered, flow: Vector) -> Protocol[tuple[Vector, Vector]]:
    """In the order of OWED and of CLEARED."""
    layout = gathered.layout
    _, tenders, acceptances, _ = layout.starts
    owed, cleared = gathered.amounts[: layout.debts.arcs], flow[: layout.debts.arcs]
    found = yield from round_totals(circle, layout.debts, owed, cleared)
    after = found.internal_debt
    if terms.cash or terms.credit:  # else nobody's net position changes
        net = imbalance(layout.debts, elements.subtract(owed, cleared))
        after = whole((yield from multiply(circle, (yield from positive(circle, net)), net)))
    cash = whole(flow[tenders:acceptances])
    together = np.concatenate([found.total, found.internal_debt, found.cleared, after, found.firms, cash])
    fresh = yield from reshare(circle, "totals", together)
    return fresh[: len(OWED)], fresh[len(OWED) :]


def _told(circle: Circle, terms: Terms, declared: Declared, state: _State, flow: Vector) -> Protocol[Told]:
    if terms.sealed:
        told = sealed_round.tell(terms, state.gathered, flow)
    else:
        told = yield from skeleton_round.tell(circle, terms, declared, state.gathered, flow, state.group)
    fresh = yield from reshare(circle, "notices", np.concatenate([told[firm] for firm in declared]))
    ends = np.cumsum([told[firm].size for firm in declared])[:-1]
    return dict(zip(declared, np.split(fresh, ends), strict=True))
