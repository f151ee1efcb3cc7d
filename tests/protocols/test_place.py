"""Rows go where a shared column says, and nobody sees where that is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring
from protocols.columns import columns_of

from steelyard.errors import Cheated
from steelyard.protocols.place import place


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=3, deadline=None)
@given(positions=st.integers(1, 70).flatmap(lambda count: st.permutations(range(count))))
def test_rows_go_to_their_positions(n: int, k: int, positions: list[int]) -> None:
    ring, values = Ring.of(n, k), [7 * i - 3 for i in range(len(positions))]
    (found,) = columns_of(ring, ring.run(place, ring.share(positions), ring.share(values)))
    assert [found[to] for to in positions] == values


@pytest.mark.parametrize(("n", "k", "rounds"), [(3, 2, 3), (5, 3, 6)])
def test_it_takes_a_shuffle_and_a_round(n: int, k: int, rounds: int) -> None:
    ring = Ring.of(n, k)
    assert cost(ring, place, ring.share(range(50)), ring.share(range(50)))[0] == rounds
    assert same_transcript(
        ring, place, [(ring.share(each), ring.share([1, 2, 3])) for each in ([0, 1, 2], [2, 1, 0], [1, 2, 0])]
    )


def test_rows_cannot_go_to_the_same_position() -> None:
    ring = Ring.of(3, 2)
    with pytest.raises(Cheated, match="not all different"):
        ring.run(place, ring.share([0, 0]), ring.share([1, 2]))


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(ring, place, ring.share([2, 0, 1]), ring.share([1, 2, 3]))
