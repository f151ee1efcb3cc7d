"""What firms set off on shares is what the clear-text solver says, and nothing about it is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import cost, same_transcript
from protocols.circles import Ring, Seen

from steelyard.errors import Cheated
from steelyard.field import Vector
from steelyard.protocols import certificate, circulation, repair
from steelyard.protocols.circle import Circle
from steelyard.protocols.round_totals import round_totals
from steelyard.protocols.truncate import truncate
from steelyard.rounds import Protocol
from steelyard.setoff import solver
from steelyard.setoff.book import Book
from steelyard.setoff.generator import Preset, generate
from steelyard.setoff.generator import firms as names
from steelyard.setoff.network import Network
from steelyard.setoff.reference import optimum
from steelyard.setoff.schedule import Schedule

SHORT = Schedule(steps=12, tightenings=2)


def cleared(circle: Circle, network: Network, schedule: Schedule, amounts: Vector, worths: Vector) -> Protocol[Any]:
    topology = network.topology
    terms = yield from circulation.prepare(circle, topology, amounts, worths, schedule)
    ended = yield from circulation.advance(
        circle, topology, terms, circulation.start(topology), schedule, schedule.steps
    )
    flow = yield from repair.repair(circle, topology, terms.room, ended.flow, schedule)
    yield from certificate.verify(circle, topology, amounts, flow)
    most = yield from certificate.upper_bound(circle, topology, terms.room, worths, ended.prices, terms.bits)
    return flow, most, (yield from certificate.certified_share(circle, worths, flow, most))


def played(ring: Ring, network: Network, schedule: Schedule, seen: Seen | None = None) -> tuple[list[int], int, int]:
    shared = ring.share(network.amounts), ring.share(network.worths)
    out = ring.run(lambda circle, *mine: cleared(circle, network, schedule, *mine), *shared, seen=seen)
    flow, most = (ring.reconstruct({party: each[at] for party, each in out.items()}) for at in (0, 1))
    return flow, most[0], out[ring.parties[0]][2]


def club(firms: int, obligations: int, seed: int) -> Network:
    preset = Preset(firms, obligations)
    return Book.of(generate(preset, seed), firms=names(preset)).network


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@pytest.mark.parametrize("sealed", [True, False])
def test_on_shares_and_in_the_clear_it_is_the_same_number_by_number(n: int, k: int, sealed: bool) -> None:
    network = club(8, 30, 1)
    network = network.sealed() if sealed else network
    flow, most, share = played(Ring.of(n, k), network, SHORT)
    plain = solver.solve(network, SHORT)
    assert flow == plain.flow.tolist()
    assert most == plain.bound
    assert share == plain.share(network)


@settings(max_examples=8, deadline=None)
@given(
    cells=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([1, 2, 100, (1 << 34) - 1])), max_size=14
    ),
    worth=st.sampled_from([-16, 0, 1, 16, 32]),
)
def test_whatever_is_owed_balances_are_exact_and_the_bound_is_never_below_the_truth(cells: Any, worth: int) -> None:
    debts = {(one, other): amount for one, other, amount in cells if one != other}
    ends = np.array(list(debts), dtype=np.int64).reshape(-1, 2)
    amounts = np.array(list(debts.values()), dtype=np.int64)
    plain = Network.of(5, ends[:, 0].copy(), ends[:, 1].copy(), amounts)
    worths = plain.worths.copy()
    worths[:3] = worth
    network = Network(plain.topology, amounts, worths).sealed()
    flow, most, share = played(Ring.of(3, 2), network, SHORT)
    assert not network.imbalance(np.array(flow)).any()
    assert all(0 <= each <= owed for each, owed in zip(flow, network.amounts.tolist(), strict=True))
    best = int((network.worths * optimum(network)).sum())
    assert best <= most
    assert share / 10_000 * best <= max(best, 0) + 1e-9
    assert (np.array(flow) == solver.solve(network, SHORT).flow).all()


@pytest.mark.parametrize(("n", "k", "rounds"), [(3, 2, (7, 7, 13)), (5, 3, (12, 12, 23))])
def test_a_step_takes_the_rounds_that_the_header_says(n: int, k: int, rounds: tuple[int, ...]) -> None:
    ring, network, schedule = Ring.of(n, k), club(8, 30, 1).sealed(), Schedule(steps=3, step_bits=12)
    topology = network.topology

    def stepped(circle: Circle, amounts: Vector, worths: Vector, first: int) -> Protocol[Any]:
        terms = circulation.Terms(12, amounts, worths, np.ones(topology.firms, dtype=np.uint64))
        begun = replace(circulation.start(topology), taken=first)
        return (yield from circulation.advance(circle, topology, terms, begun, schedule, 1))

    shared = ring.share(network.amounts), ring.share(network.worths)
    sharpening = [cost(ring, lambda circle, x: truncate(circle, x, 2), shared[0])[0], 0]
    taken = [cost(ring, lambda circle, *mine, at=at: stepped(circle, *mine, at), *shared)[0] for at in range(3)]
    assert taken == [rounds[0], rounds[1] + sharpening[0], rounds[2] + sharpening[0]]


@pytest.mark.parametrize("bits", [14, 26, 33])
@pytest.mark.parametrize("taken", [1, 8], ids=["together", "one after the other"])
def test_a_step_from_the_ends_of_its_head_room_is_the_same_on_shares(bits: int, taken: int) -> None:
    network, ring, schedule = club(8, 30, 1).sealed(), Ring.of(3, 2), Schedule(steps=9, step_bits=bits)
    topology, most, stage = network.topology, (1 << 34) - 1, schedule.larger(taken)
    room, sides = np.full(topology.arcs, most), np.where(topology.payers < 4, 1, -1)
    ends = np.where(np.arange(topology.firms) % 2, 1, -1) * ((1 << 35) + (1 << 34) - 1)
    state = solver.State(np.where(sides > 0, most, 0), np.where(sides > 0, 2 * most, -most), ends, ends + ends // 3)
    multipliers = solver.reciprocals(network, room)
    names = ("flow", "ahead", "prices", "foreseen")
    shared = [
        ring.share(each) for each in (room, network.worths, multipliers, *(getattr(state, name) for name in names))
    ]

    def stepped(circle: Circle, room: Vector, worths: Vector, multipliers: Vector, *mine: Vector) -> Protocol[Any]:
        terms, begun = circulation.Terms(bits, room, worths, multipliers), circulation.Progress(taken, *mine)
        return (yield from circulation.advance(circle, topology, terms, begun, schedule, 1)).packed()

    out = ring.run(stepped, *shared)
    plain = solver.step(network, room, multipliers, bits + stage, state, schedule.together(taken))
    for at, name in enumerate(names):
        assert ring.reconstruct({party: each[at] for party, each in out.items()}) == getattr(plain, name).tolist(), name


def test_a_small_club_reaches_the_optimum_on_shares() -> None:
    network = club(12, 50, 3).sealed()
    flow, _, share = played(Ring.of(3, 2), network, Schedule(steps=150))
    best = int((network.worths * optimum(network)).sum())
    assert int((network.worths * np.array(flow)).sum()) >= 0.99 * best
    assert 9_900 <= share <= 10_000


@pytest.mark.parametrize("debts", [[], [(0, 1, 5)], [(0, 1, 5), (2, 3, 7)]])
def test_where_no_circle_is_nothing_is_cleared_and_that_is_all_there_is(debts: Any) -> None:
    columns = np.array(debts, dtype=np.int64).reshape(-1, 3)
    network = Network.of(4, *(columns[:, at].copy() for at in range(3))).sealed()
    flow, _, share = played(Ring.of(3, 2), network, Schedule(steps=4))
    assert not any(flow)
    assert share == 10_000


def test_a_round_goes_on_from_saved_shares() -> None:
    network = club(8, 30, 2)
    whole = played(Ring.of(3, 2), network, SHORT)
    ring, topology = Ring.of(3, 2), network.topology
    shared = ring.share(network.amounts), ring.share(network.worths)

    def first(circle: Circle, amounts: Vector, worths: Vector) -> Protocol[Any]:
        terms = yield from circulation.prepare(circle, topology, amounts, worths, SHORT)
        return terms, (yield from circulation.advance(circle, topology, terms, circulation.start(topology), SHORT, 5))

    def second(circle: Circle, saved: Any) -> Protocol[Any]:
        terms, progress = saved
        ended = yield from circulation.advance(circle, topology, terms, progress, SHORT, SHORT.steps)
        return (yield from repair.repair(circle, topology, terms.room, ended.flow, SHORT))

    assert ring.reconstruct(ring.run(second, ring.run(first, *shared))) == whole[0]


def test_messages_tell_nothing_but_how_long_the_repair_took() -> None:
    ring, networks = Ring.of(3, 2), [club(7, size, seed).sealed() for size, seed in ((3, 1), (20, 2), (40, 3))]

    def solved(circle: Circle, amounts: Vector, worths: Vector) -> Protocol[Any]:
        topology = networks[0].topology
        terms = yield from circulation.prepare(circle, topology, amounts, worths, SHORT)
        ended = yield from circulation.advance(circle, topology, terms, circulation.start(topology), SHORT, 3)
        most = yield from certificate.upper_bound(circle, topology, terms.room, worths, ended.prices, 10)
        return (yield from certificate.certified_share(circle, worths, ended.flow, most))

    assert same_transcript(ring, solved, [(ring.share(each.amounts), ring.share(each.worths)) for each in networks])


def test_totals_of_a_round_are_those_of_the_clear() -> None:
    network = club(12, 40, 5)
    flow, ring = optimum(network), Ring.of(3, 2)
    out = ring.run(
        lambda circle, amounts, flow: round_totals(circle, network.topology, amounts, flow),
        ring.share(network.amounts),
        ring.share(flow),
    )
    found = [
        ring.reconstruct({party: getattr(each, name) for party, each in out.items()})[0]
        for name in ("total", "cleared", "internal_debt", "firms")
    ]
    firms = len({*network.topology.payers[flow > 0].tolist()})
    assert found == [network.amounts.sum(), flow.sum(), network.internal_debt(), firms]
    assert network.internal_debt(flow) == network.internal_debt()


@pytest.mark.parametrize("wrong", ["unbalanced", "negative", "more than owed"])
def test_a_wrong_result_is_not_certified(wrong: str) -> None:
    network = Network.of(2, np.array([0, 1]), np.array([1, 0]), np.array([10, 10]))
    flow = {"unbalanced": [5, 4], "negative": [-1, -1], "more than owed": [11, 11]}[wrong]
    ring = Ring.of(3, 2)
    with pytest.raises(Cheated, match="does not balance"):
        ring.run(
            lambda circle, owed, flow: certificate.verify(circle, network.topology, owed, flow),
            ring.share(network.amounts),
            ring.share(flow),
        )
    ring.run(
        lambda circle, owed, flow: certificate.verify(circle, network.topology, owed, flow),
        ring.share(network.amounts),
        ring.share([10, 10]),
    )
