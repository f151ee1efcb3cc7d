"""Opened numbers are the secret, the same at everybody, and whoever sends something else is named."""

from __future__ import annotations

import numpy as np
import pytest
from protocols.behaviour import blames_the_sender
from protocols.circles import SIZES, Ring

from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.open_numbers import open_numbers
from steelyard.rounds import Protocol


def opened(circle: Circle, share: Vector) -> Protocol[Vector]:
    return (yield from open_numbers(circle, "opened", share))


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_everybody_gets_the_secret(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    out = ring.run(opened, ring.share([0, 1, 1 << 40]))
    assert all(np.array_equal(each, [0, 1, 1 << 40]) for each in out.values())


def test_a_message_cut_short_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(ring, opened, ring.share([1, 2, 3]))
