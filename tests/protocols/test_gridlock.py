"""Which payments settle is what the rule says in clear text; opened is only whether somebody had to drop something."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import same_transcript
from protocols.circles import Ring

from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.gridlock import Queued, Settled, resolve
from steelyard.rounds import Protocol
from steelyard.setoff.queues import Queues


def shares(ring: Ring, queues: Queues) -> tuple[Any, ...]:
    one_hot = np.eye(queues.funds.size, dtype=np.int64)[queues.payees]
    return ring.share(queues.amounts.reshape(-1)), ring.share(one_hot.reshape(-1)), ring.share(queues.funds)


def settle(shape: tuple[int, int]) -> Any:
    def protocol(circle: Circle, amounts: Vector, payees: Vector, funds: Vector) -> Protocol[Settled]:
        return (yield from resolve(circle, Queued(amounts.reshape(shape), payees.reshape(*shape, shape[0]), funds)))

    return protocol


def check(ring: Ring, queues: Queues) -> None:
    out = ring.run(settle(queues.amounts.shape), *shares(ring, queues))
    expected = queues.settled()

    def opened(name: str) -> list[int]:
        return ring.reconstruct({party: getattr(each, name).reshape(-1) for party, each in out.items()})

    paid = (queues.amounts * expected).sum(axis=1)
    positions = queues.received(expected) - paid
    assert opened("active") == expected.reshape(-1).tolist()
    assert opened("positions") == positions.tolist()
    assert opened("settled") == [paid.sum()]
    assert opened("saved") == [paid.sum() - np.maximum(-positions, 0).sum()]
    assert {each.at_once for each in out.values()} == {bool(expected.all())}
    assert (queues.funds + positions >= 0)[expected.any(axis=1)].all()


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_the_largest_set_in_order_settles(n: int, k: int, data: st.DataObject) -> None:
    banks, length = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 5))
    cells = banks * length
    amounts = data.draw(st.lists(st.sampled_from([0, 1, 5, 100, (1 << 34) - 1]), min_size=cells, max_size=cells))
    payees = data.draw(st.lists(st.integers(0, banks - 1), min_size=cells, max_size=cells))
    funds = data.draw(st.lists(st.sampled_from([-5, 0, 3, 100, 1 << 36]), min_size=banks, max_size=banks))
    table = (np.array(each, dtype=np.int64).reshape(banks, length) for each in (amounts, payees))
    check(Ring.of(n, k), Queues(*table, np.array(funds, dtype=np.int64)))


def test_a_gridlock_without_money_settles_by_netting() -> None:
    queues = Queues(np.array([[10], [10], [10]]), np.array([[1], [2], [0]]), np.zeros(3, dtype=np.int64))
    assert queues.settled().all()
    check(Ring.of(3, 2), queues)


def test_whoever_cannot_pay_takes_others_along_in_turn() -> None:
    queues = Queues(
        np.array([[10, 5], [10, 0], [10, 0]]), np.array([[1, 2], [2, 0], [0, 0]]), np.array([0, 0, 0], dtype=np.int64)
    )
    assert queues.settled().tolist() == [[True, False], [True, True], [True, True]]
    check(Ring.of(3, 2), queues)


def test_no_set_that_keeps_the_order_is_larger() -> None:
    queues = Queues(
        np.array([[4, 9, 1], [3, 8, 2], [7, 1, 1]]), np.array([[1, 2, 2], [0, 2, 0], [0, 1, 1]]), np.array([1, 0, 3])
    )
    active = queues.settled()
    spent = np.cumsum(queues.amounts, axis=1)
    for lengths in np.ndindex(4, 4, 4):
        chosen = np.arange(3) < np.array(lengths)[:, None]
        if (queues.funds + queues.received(chosen) >= (queues.amounts * chosen).sum(axis=1)).all():
            assert (chosen <= active).all(), spent


def test_messages_do_not_depend_on_the_queues() -> None:
    ring = Ring.of(3, 2)
    rich = [
        Queues(amounts, np.array([[1, 1], [0, 0]]), np.array([100, 100]))
        for amounts in (np.array([[1, 2], [3, 4]]), np.zeros((2, 2), dtype=np.int64))
    ]
    assert same_transcript(ring, settle((2, 2)), [shares(ring, each) for each in rich])


@pytest.mark.parametrize(
    ("amounts", "payees", "funds"),
    [
        ([[-1]], [[0]], [0]),
        ([[1 << 34]], [[0]], [0]),
        ([[1]], [[1]], [0]),
        ([[1]], [[0]], [1 << 44]),
        ([[1]], [[0]], [0, 0]),
    ],
)
def test_queues_that_make_no_sense_are_refused(amounts: Any, payees: Any, funds: Any) -> None:
    with pytest.raises(Invalid):
        Queues(np.array(amounts), np.array(payees), np.array(funds))
