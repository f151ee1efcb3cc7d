"""A sealed round of set-off as the engine runs it: from shares of all debts to shares of what is cleared."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.inputs import Values
from steelyard import field
from steelyard.field import Vector
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.certificate import certified_share, upper_bound, verify
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import advance, prepare, start
from steelyard.protocols.repair import repair
from steelyard.randomness import Keystream
from steelyard.rounds import Protocol
from steelyard.setoff import solver
from steelyard.setoff.book import Book
from steelyard.setoff.generator import Preset, firms, generate
from steelyard.setoff.network import Network, Topology
from steelyard.setoff.schedule import Schedule
from steelyard.sharing import shamir

SCHEDULE: Final = Schedule(steps=400)
SHORT: Final = Schedule(steps=100)  # for slow lines, where every round takes its time
SEED: Final = 7
_DEBTS: Final = 7  # of a firm


@cache
def club(size: int) -> Network:
    """Of so many firms."""
    preset = Preset(size, _DEBTS * size)
    return Book.of(generate(preset, SEED), firms=firms(preset)).network


def cleared(size: int, schedule: Schedule = SCHEDULE) -> Values:
    """The first SIZE arcs of the sealed round, from the clear-text solver."""
    return solver.solve(club(size).sealed(), schedule).flow[:size]


def shares(attempt: Attempt, size: int) -> tuple[NDArray[Any], ...]:
    """This party's of amounts and worths, and the number of firms."""
    network = club(size).sealed()
    points = [attempt.points[party] for party in attempt.participants]
    dealt = [
        shamir.share(field.from_signed(values), attempt.threshold, points, Keystream(bytes([index]) * 32))
        for index, values in enumerate((network.amounts, network.worths))
    ]
    return (*(each[attempt.points[attempt.me]] for each in dealt), np.array([size]))


def clear(circle: Circle, prepared: tuple[NDArray[Any], ...], schedule: Schedule = SCHEDULE) -> Protocol[Any]:
    amounts, worths, size = prepared
    topology = club(int(size[0])).sealed().topology
    return (yield from solved(circle, topology, amounts, worths, schedule))


def solved(circle: Circle, topology: Topology, amounts: Vector, worths: Vector, schedule: Schedule) -> Protocol[Vector]:
    """What is cleared on every arc: repaired, verified and certified."""
    ground = yield from prepare(circle, topology, amounts, worths, schedule)
    ended = yield from advance(circle, topology, ground, start(topology), schedule, schedule.steps)
    flow = yield from repair(circle, topology, ground.room, ended.flow, schedule)
    yield from verify(circle, topology, amounts, flow)
    most = yield from upper_bound(circle, topology, ground.room, worths, ended.prices, ground.bits)
    yield from certified_share(circle, worths, flow, most)
    return flow
