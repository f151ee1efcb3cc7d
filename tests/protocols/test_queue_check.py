"""A bank that deals anything but a queue of payments is named; of the others nothing is opened but zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from protocols.behaviour import same_transcript
from protocols.circles import Ring

from steelyard.errors import Cheated
from steelyard.field import Vector
from steelyard.ids import PartyId
from steelyard.protocols.circle import Circle
from steelyard.protocols.gridlock import Queued
from steelyard.protocols.queue_check import check_queues
from steelyard.rounds import Protocol

BANKS = tuple(PartyId(name) for name in ("north", "south", "west"))
AMOUNTS = [[5, 0], [(1 << 34) - 1, 7], [1, 1]]
PAYEES = [[[0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0]]]
FUNDS = [0, (1 << 44) - 1, 3]


def check(circle: Circle, amounts: Vector, payees: Vector, funds: Vector) -> Protocol[str]:
    queued = Queued(amounts.reshape(3, 2), payees.reshape(3, 2, 3), funds)
    try:
        yield from check_queues(circle, queued, BANKS, b"\x05" * 32)
    except Cheated as error:
        return ",".join(error.culprits)
    return "fine"


def shares(ring: Ring, change: Any = None) -> tuple[Any, ...]:
    values = [np.array(each, dtype=np.int64) for each in (AMOUNTS, PAYEES, FUNDS)]
    if change:
        change(*values)
    return tuple(ring.share(each.reshape(-1)) for each in values)


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_queues_pass(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    assert set(ring.run(check, *shares(ring)).values()) == {"fine"}


def below(amounts: Any, payees: Any, funds: Any) -> None:
    amounts[0, 1] = -1


def large(amounts: Any, payees: Any, funds: Any) -> None:
    amounts[0, 0] = 1 << 34


def overflowing(amounts: Any, payees: Any, funds: Any) -> None:
    amounts[0, 0] = (1 << 60) - 1


def overdrawn(amounts: Any, payees: Any, funds: Any) -> None:
    funds[0] = -1


def rich(amounts: Any, payees: Any, funds: Any) -> None:
    funds[0] = 1 << 44


def to_itself(amounts: Any, payees: Any, funds: Any) -> None:
    payees[0, 0] = [1, 0, 0]


def to_nobody(amounts: Any, payees: Any, funds: Any) -> None:
    payees[0, 0] = 0


def to_two(amounts: Any, payees: Any, funds: Any) -> None:
    payees[0, 0] = [0, 1, 1]


def in_parts(amounts: Any, payees: Any, funds: Any) -> None:
    payees[0, 0] = [0, 2, -1]


@pytest.mark.parametrize("change", [below, large, overflowing, overdrawn, rich, to_itself, to_nobody, to_two, in_parts])
def test_who_deals_something_else_is_named(change: Any) -> None:
    ring = Ring.of(3, 2)
    assert set(ring.run(check, *shares(ring, change)).values()) == {"north"}


def test_all_who_do_are_named() -> None:
    def both(amounts: Any, payees: Any, funds: Any) -> None:
        to_two(amounts, payees, funds)
        amounts[2, 0] = -5

    ring = Ring.of(3, 2)
    assert set(ring.run(check, *shares(ring, both)).values()) == {"north,west"}


def test_messages_do_not_depend_on_the_queues() -> None:
    def other(amounts: Any, payees: Any, funds: Any) -> None:
        amounts[:] = 9
        funds[:] = 0

    ring = Ring.of(3, 2)
    assert same_transcript(ring, check, [shares(ring), shares(ring, other)])
