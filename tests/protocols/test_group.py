"""Groups and their sums are those of the clear, and nothing says how many they are."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.behaviour import blames_the_sender, cost, same_transcript
from protocols.circles import SIZES, Ring

from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.group import Groups, group_sums, unique_count
from steelyard.rounds import Protocol

BIG = 2**40
Row = tuple[int, int, bool]
rows_of = st.lists(
    st.tuples(st.integers(-3, 3) | st.sampled_from([BIG, -BIG]), st.integers(-BIG, BIG), st.booleans()),
    min_size=1,
    max_size=70,
)


def _groups(ring: Ring, outputs: dict[str, Groups]) -> list[tuple[int, ...]]:
    """(exists, key, *sums) of every row."""
    some = outputs[ring.parties[0]]
    columns = [
        ring.reconstruct({party: each.exists for party, each in outputs.items()}),
        ring.reconstruct({party: each.key for party, each in outputs.items()}),
        *(ring.reconstruct({party: each.sums[i] for party, each in outputs.items()}) for i in range(len(some.sums))),
    ]
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=3, deadline=None)
@given(rows=rows_of)
def test_sums_and_sizes_of_groups_are_right_and_in_order(n: int, k: int, rows: list[Row]) -> None:
    ring, (keys, values, _) = Ring.of(n, k), zip(*rows, strict=True)
    found = _groups(ring, ring.run(group_sums, ring.share(keys), ring.share(values), ring.share([1] * len(rows))))
    assert found == _expected([(key, value, True) for key, value, _ in rows])


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=3, deadline=None)
@given(rows=rows_of)
def test_rows_that_are_not_valid_are_in_no_group(n: int, k: int, rows: list[Row]) -> None:
    ring, (keys, values, flags) = Ring.of(n, k), zip(*rows, strict=True)
    valid = ring.share(flags)
    assert _groups(ring, ring.run(_valid_sums, ring.share(keys), ring.share(values), valid)) == _expected(rows)
    count = ring.reconstruct(ring.run(_valid_count, ring.share(keys), valid))
    assert count == [len({key for key, _, good in rows if good})]


def _expected(rows: list[Row]) -> list[tuple[int, ...]]:
    sums, sizes = Counter[int](), Counter[int]()
    for key, value, valid in rows:
        if valid:
            sums[key], sizes[key] = sums[key] + value, sizes[key] + 1
    groups = [(1, key, sums[key], sizes[key]) for key in sorted(sizes)]
    return groups + [(0, 0, 0, 0)] * (len(rows) - len(groups))


def _valid_sums(circle: Circle, key: Vector, value: Vector, valid: Vector) -> Protocol[Groups]:
    return (yield from group_sums(circle, key, value, valid, valid=valid, bits=42))


def _valid_count(circle: Circle, key: Vector, valid: Vector) -> Protocol[Vector]:
    return (yield from unique_count(circle, key, valid))


@pytest.mark.parametrize(("n", "k"), SIZES)
@pytest.mark.parametrize("keys", [[5], [5, 5], [1, 2], list(range(65)), [1, -1] * 40])
def test_different_keys_are_counted(n: int, k: int, keys: list[int]) -> None:
    ring = Ring.of(n, k)
    assert ring.reconstruct(ring.run(unique_count, ring.share(keys))) == [len(set(keys))]


def test_the_transcript_has_the_same_shape_whatever_the_groups_are() -> None:
    ring = Ring.of(3, 2)
    inputs = [tuple(map(ring.share, ([i] * 9, range(9), [i // 2] * 9))) for i in (0, 1, 2)]
    assert same_transcript(ring, _valid_sums, [*inputs, tuple(map(ring.share, (range(9), range(9), [1] * 9)))])


@pytest.mark.parametrize(("n", "k", "rounds"), [(3, 2, 8), (5, 3, 12)])
def test_rounds_are_those_of_the_header(n: int, k: int, rounds: int) -> None:
    ring, sort_alone = Ring.of(n, k), {3: 10, 5: 16}[n]
    key, ones = ring.share(range(100)), ring.share([1] * 100)
    assert cost(ring, unique_count, key)[0] == sort_alone + rounds
    assert cost(ring, group_sums, key, ones)[0] == sort_alone + {3: 13, 5: 20}[n]


def test_a_message_of_another_length_names_its_sender() -> None:
    ring = Ring.of(3, 2)
    blames_the_sender(ring, _valid_sums, *map(ring.share, ([2, 0, 2], [4, 5, 6], [1, 1, 0])))


def test_no_rows_are_refused() -> None:
    ring = Ring.of(3, 2)
    with pytest.raises(Invalid, match="no rows"):
        ring.run(unique_count, ring.share([]))
