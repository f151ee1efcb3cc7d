"""A network whose switches are routed brings rows into any order."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.errors import Invalid
from steelyard.sharing.benes import route, stages


def switched(order: np.ndarray) -> list[int]:
    rows = np.arange(order.size)
    for bit, switches in zip(stages(order.size), route(order), strict=True):
        low, high = rows.reshape(-1, 2, 1 << bit)[:, 0].ravel(), rows.reshape(-1, 2, 1 << bit)[:, 1].ravel()
        crossed = switches.astype(bool)
        pairs = np.stack([np.where(crossed, high, low), np.where(crossed, low, high)])
        rows = pairs.reshape(2, -1, 1 << bit).transpose(1, 0, 2).ravel()
    return rows.tolist()


@pytest.mark.parametrize("size", [2, 4])
def test_every_order_of_few_rows(size: int) -> None:
    for order in permutations(range(size)):
        assert switched(np.array(order)) == list(order)


@given(order=st.sampled_from([8, 16, 64, 256]).flatmap(lambda size: st.permutations(range(size))))
def test_orders_of_more_rows(order: list[int]) -> None:
    assert switched(np.array(order)) == order


def test_stages_go_up_the_bits_and_down_again() -> None:
    assert stages(2) == [0]
    assert stages(5) == stages(8) == [0, 1, 2, 1, 0]


def test_what_is_no_order_of_a_power_of_two_is_refused() -> None:
    for wrong in ([0, 1, 2], [0, 0], [1, 2]):
        with pytest.raises(Invalid, match="2\\^t rows"):
            route(np.array(wrong))
    with pytest.raises(Invalid, match="at least two"):
        stages(1)
