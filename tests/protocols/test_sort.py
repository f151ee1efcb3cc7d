"""Rows come out in order, and what is opened on the way says nothing about them."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring, Seen
from protocols.columns import columns_of

from steelyard.bitfield import Bits
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols import sort as sorting
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import negative
from steelyard.protocols.sort import pick, rank, sort, top
from steelyard.rounds import Protocol

MOST = 2**59 - 1
keys = st.lists(st.one_of(st.integers(-3, 3), st.sampled_from([0, MOST, -MOST]), st.integers(-MOST, MOST)), min_size=1)


@pytest.mark.parametrize(("n", "k"), SIZES)
@pytest.mark.parametrize("descending", [False, True])
@settings(max_examples=3, deadline=None)
@given(values=keys)
def test_rows_are_in_the_order_of_their_keys_and_equal_keys_stay_in_order(
    n: int, k: int, descending: bool, values: list[int]
) -> None:
    ring, numbers = Ring.of(n, k), range(len(values))
    protocol = partial(sort, descending=descending)
    found = columns_of(ring, ring.run(protocol, ring.share(values), ring.share(numbers)))
    order = sorted(numbers, key=lambda i: -values[i] if descending else values[i])
    assert found == [[values[i] for i in order], order]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@settings(max_examples=5, deadline=None)
@given(values=st.lists(st.integers(-15, 15), min_size=1, max_size=150))
def test_small_keys_are_compared_in_one_go(n: int, k: int, values: list[int]) -> None:
    ring = Ring.of(n, k)
    found = columns_of(ring, ring.run(partial(sort, bits=4), ring.share(values), ring.share(range(len(values)))))
    assert found[0] == sorted(values)
    assert found[1] == sorted(range(len(values)), key=values.__getitem__)


@pytest.mark.parametrize("bits", [40, None])
def test_many_rows_take_several_batches(bits: int | None) -> None:
    ring, values = Ring.of(3, 2), [(i * i * 7919) % 1009 - 500 for i in range(1500)]
    found = columns_of(ring, ring.run(partial(sort, bits=bits), ring.share(values), ring.share(range(1500))))
    order = sorted(range(1500), key=values.__getitem__)
    assert found == [[values[i] for i in order], order]


@settings(max_examples=5, deadline=None)
@given(values=st.lists(st.integers(-9, 9), min_size=1), data=st.data())
def test_the_top_rows_are_the_first_of_the_descending_order(values: list[int], data: st.DataObject) -> None:
    ring, count = Ring.of(3, 2), data.draw(st.integers(0, len(values)))
    outputs = ring.run(partial(_top, count=count), ring.share(values), ring.share(range(len(values))))
    order = sorted(range(len(values)), key=lambda i: -values[i])[:count]
    assert columns_of(ring, outputs) == [[values[i] for i in order], order]


def _top(circle: Circle, key: Vector, payload: Vector, count: int) -> Protocol[list[Vector]]:
    return (yield from top(circle, key, count, payload, bits=4))


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@settings(max_examples=5, deadline=None)
@given(values=st.lists(st.integers(-9, 9), min_size=1), descending=st.booleans())
def test_ranks_stay_with_their_rows(n: int, k: int, values: list[int], descending: bool) -> None:
    ring = Ring.of(n, k)
    found = ring.reconstruct(ring.run(partial(rank, bits=5, descending=descending), ring.share(values)))
    order = sorted(range(len(values)), key=lambda i: -values[i] if descending else values[i])
    assert [found[i] for i in order] == list(range(len(values)))


@pytest.mark.parametrize("values", [[0, 0, 0], [1, 2, 3], [3, 2, 1], [1, 1, 0]])
def test_every_outcome_is_as_likely_whatever_the_keys_are(values: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three rows three pairs are compared, in a batch: six answers are possible."""
    ring, times, answers = Ring.of(3, 2), 480, Counter[bytes]()

    def opening(circle: Circle, step: str, share: Bits) -> Protocol[Bits]:
        opened = yield from plain(circle, step, share)
        answers[opened.tobytes()] += circle.me == ring.parties[0]
        return opened

    def often(circle: Circle, key: Vector) -> Protocol[None]:
        for _ in range(times):
            yield from sort(circle, key, bits=4)

    plain = sorting.open_bits
    monkeypatch.setattr(sorting, "open_bits", opening)
    ring.run(often, ring.share(values))
    assert len(answers) == 6
    assert sum((each - 80) ** 2 / 80 for each in answers.values()) < 56  # 5 degrees of freedom: once in 10^9


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_the_transcript_has_the_same_shape_whatever_is_sorted(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    assert same_transcript(ring, sort, [(ring.share(each),) for each in ([0] * 70, [MOST] * 70, list(range(70)))])


def test_nothing_but_outcomes_is_opened() -> None:
    """What is not in this list is part of a comparison."""
    ring, alone, seen = Ring.of(3, 2), Seen(), Seen()
    ring.run(negative, ring.share(range(30)), seen=alone)
    ring.run(partial(sort, bits=5), ring.share(range(30)), seen=seen)
    assert set(seen.steps()) - set(alone.steps()) == {"shuffle", "shuffled", "outcomes"}


@pytest.mark.parametrize(("n", "k", "rounds", "each"), [(3, 2, 9, 1500), (5, 3, 15, 4200)])
def test_a_hundred_rows_take_one_batch(n: int, k: int, rounds: int, each: int) -> None:
    ring = Ring.of(n, k)
    taken, sent = cost(ring, partial(sort, bits=40), ring.share(range(100)))
    assert taken == rounds
    assert sent / n / 100 < each


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
def test_a_message_of_another_length_names_its_sender(n: int, k: int) -> None:
    ring = Ring.of(n, k)
    blames_the_sender(ring, sort, ring.share([1, 2, 3]))


def test_what_cannot_be_sorted_is_refused() -> None:
    ring = Ring.of(3, 2)
    with pytest.raises(Invalid, match="at most 59 bits"):
        ring.run(partial(sort, bits=60), ring.share([1, 2]))
    with pytest.raises(Invalid, match="of one length"):
        ring.run(sort, ring.share([1, 2]), ring.share([1]))
    with pytest.raises(Invalid, match="a position is"):
        ring.run(lambda circle, key: pick(circle, np.array([2]), key), ring.share([1, 2]))
