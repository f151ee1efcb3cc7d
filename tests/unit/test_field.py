from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard import field
from steelyard.errors import Invalid, Malformed
from steelyard.field import BLOCK, P, Vector
from steelyard.kernel import kernel
from steelyard.randomness import Keystream, SystemRandomness

EDGES = [0, 1, 2, 3, 2**30, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**60 - 1, 2**60, P - 2, P - 1]
elements = st.one_of(st.sampled_from(EDGES), st.integers(0, P - 1))
pairs = st.lists(st.tuples(elements, elements), min_size=1, max_size=70)


def vector(values: list[int]) -> Vector:
    return np.array(values, dtype=np.uint64)


class Scripted:
    """A stream that begins with given words and goes on with zeros."""

    def __init__(self, words: list[int]) -> None:
        self._rest = b"".join(word.to_bytes(8, "little") for word in words)

    def bytes(self, count: int) -> bytearray:
        head, self._rest = self._rest[:count], self._rest[count:]
        return bytearray(head.ljust(count, b"\0"))


@given(pairs)
def test_kernels_agree_with_python_integers(values: list[tuple[int, int]]) -> None:
    a, b = vector([x for x, _ in values]), vector([y for _, y in values])
    assert field.add(a, b).tolist() == [(x + y) % P for x, y in values]
    assert field.subtract(a, b).tolist() == [(x - y) % P for x, y in values]
    assert field.negate(a).tolist() == [-x % P for x, _ in values]
    assert field.multiply(a, b).tolist() == [x * y % P for x, y in values]
    assert field.dot(a, b) == sum(x * y for x, y in values) % P


def test_all_pairs_of_edges_multiply_and_scale_exactly() -> None:
    a = vector([x for x in EDGES for _ in EDGES])
    b = vector(EDGES * len(EDGES))
    assert field.multiply(a, b).tolist() == [x * y % P for x in EDGES for y in EDGES]
    for c in EDGES:
        assert field.scale(c, vector(EDGES)).tolist() == [c * x % P for x in EDGES]


@given(st.lists(elements, min_size=1, max_size=31), st.integers(1, 40))
def test_combine_adds_up_multiples(coefficients: list[int], size: int) -> None:
    rows = [[(c * 7919 + i * P // 41) % P for i in range(size)] for c in range(len(coefficients))]
    expected = [sum(c * row[i] for c, row in zip(coefficients, rows, strict=True)) % P for i in range(size)]
    assert field.combine(coefficients, [vector(row) for row in rows]).tolist() == expected
    assert field.total([vector(row) for row in rows]).tolist() == [
        sum(column) % P for column in zip(*rows, strict=True)
    ]


def test_worst_case_sums_do_not_overflow() -> None:
    top = np.full(5000, P - 1, dtype=np.uint64)
    assert set(field.combine([P - 1] * 100, [top] * 100).tolist()) == {100}
    assert set(field.total([top] * 100).tolist()) == {P - 100}
    assert field.dot(top, top) == 5000


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1023, 1024, 1025, 3000])
def test_every_length_is_served_to_its_last_element(size: int) -> None:
    a, b = field.uniform(Keystream(bytes(32)), size), field.uniform(Keystream(bytes(31) + b"x"), size)
    expected = [(5 * x - 3 * y) % P for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert field.combine([5, -3], [a, b]).tolist() == expected


def test_accumulate_adds_in_place_and_needs_a_writable_vector() -> None:
    into = vector([1, P - 1])
    field.accumulate(into, vector([2, 1]))
    assert into.tolist() == [3, 0]
    with pytest.raises(Invalid):
        field.accumulate(field.from_bytes(bytes(16), 2), into)
    with pytest.raises(Invalid):
        field.accumulate(np.zeros(4, dtype=np.uint64)[::2], into)


def test_arguments_are_left_alone_and_may_be_read_only_or_strided() -> None:
    strided = np.arange(20, dtype=np.uint64)[::2]
    frozen = field.from_bytes(field.to_bytes(strided), 10)
    assert not frozen.flags.writeable
    assert field.add(strided, frozen).tolist() == [2 * x for x in range(0, 20, 2)]
    assert field.combine([1, 1], [strided, frozen]).tolist() == [2 * x for x in range(0, 20, 2)]
    assert strided.tolist() == list(range(0, 20, 2))


def test_vectors_that_do_not_fit_together_are_refused() -> None:
    one, two = vector([1]), vector([1, 2])
    for call in (field.add, field.subtract, field.multiply, field.dot):
        with pytest.raises(Invalid):
            call(one, two)
    for bad in (one.astype(np.int64), one.reshape(1, 1), [1]):
        with pytest.raises(Invalid):
            field.add(one, bad)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        field.total([])
    with pytest.raises(Invalid):
        field.combine([], [])
    with pytest.raises(Invalid):
        field.combine([1], [one, one])


@given(st.lists(st.integers(-(P // 2), P // 2), max_size=30))
def test_signed_values_survive_the_way_there_and_back(values: list[int]) -> None:
    encoded = field.from_signed(values)
    assert encoded.tolist() == [v % P for v in values]
    assert field.to_signed(encoded).tolist() == values
    assert field.from_signed(np.array(values, dtype=np.int64)).tolist() == encoded.tolist()


@pytest.mark.parametrize("value", [P // 2 + 1, -(P // 2) - 1, 2**63 - 1, -(2**63), 2**70])
def test_signed_values_beyond_half_the_field_are_refused(value: int) -> None:
    with pytest.raises(Invalid):
        field.from_signed([0, value])


def test_signed_values_are_integers() -> None:
    with pytest.raises(Invalid):
        field.from_signed([1.5])  # type: ignore[list-item]
    with pytest.raises(Invalid):
        field.from_signed(np.array([1.5]))


@given(st.lists(elements, max_size=30))
def test_bytes_are_little_endian_words(values: list[int]) -> None:
    packed = field.to_bytes(vector(values))
    assert packed == b"".join(value.to_bytes(8, "little") for value in values)
    assert field.from_bytes(packed, len(values)).tolist() == values


def test_bytes_are_read_without_a_copy_at_any_offset() -> None:
    buffer = bytearray(24)
    read = field.from_bytes(buffer, 3)
    buffer[0] = 7
    assert read.tolist() == [7, 0, 0]
    assert field.add(field.from_bytes(memoryview(buffer)[3:19], 2), vector([1, 1])).tolist() == [1, 1]


@pytest.mark.parametrize("value", [P, P + 1, 2**62, 2**64 - 1])
def test_values_outside_the_field_are_refused_wherever_they_stand(value: int) -> None:
    for place in (0, 17, 39):
        words = [0] * 40
        words[place] = value
        with pytest.raises(Malformed):
            field.from_bytes(b"".join(word.to_bytes(8, "little") for word in words), 40)


@pytest.mark.parametrize(("size", "count"), [(0, 1), (7, 1), (8, 2), (16, 1), (8, 0), (8, -1)])
def test_a_wrong_length_is_refused(size: int, count: int) -> None:
    with pytest.raises(Malformed):
        field.from_bytes(bytes(size), count)


def test_equal_streams_give_equal_vectors_and_others_do_not() -> None:
    first = field.uniform(Keystream(bytes(32)), BLOCK + 5)
    assert np.array_equal(first, field.uniform(Keystream(bytes(32)), BLOCK + 5))
    assert not np.array_equal(first, field.uniform(Keystream(bytes(31) + b"x"), BLOCK + 5))
    with pytest.raises(Invalid):
        field.uniform(Keystream(bytes(32)), -1)


def test_uniform_takes_61_bits_of_each_word_and_zero_is_allowed() -> None:
    words = [0, 1, P - 1, 2**61, 2**64 - 2]
    assert field.uniform(Scripted(words), 5).tolist() == [0, 1, P - 1, 0, P - 1]


def test_the_one_word_that_is_no_element_is_replaced_after_its_block() -> None:
    assert field.uniform(Scripted([P, 5, 2**64 - 1, 6, P, 7, 8]), 4).tolist() == [7, 5, 8, 6]
    drawn = field.uniform(Scripted([0] * (BLOCK - 1) + [P, 9, 4]), BLOCK + 1)
    assert drawn[-2:].tolist() == [9, 4]


def test_uniform_elements_fill_the_field_evenly() -> None:
    counts = np.bincount((field.uniform(Keystream(bytes(32)), 64_000) >> np.uint64(55)).astype(np.int64), minlength=64)
    assert float((((counts - 1000) ** 2) / 1000).sum()) < 125  # chi-square, 63 degrees of freedom, one in 10^5


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 40, BLOCK, BLOCK + 3]))
def test_extrapolation_adds_weighted_distances_from_the_start(inputs: int, outputs: int, size: int) -> None:
    start = field.uniform(SystemRandomness(), size)
    keys = [bytes([j] * 32) for j in range(inputs)]
    weights = [[P // (3 + o + j) for j in range(inputs)] for o in range(outputs)]
    got = field.extrapolate(start, [Keystream(key) for key in keys], weights)
    drawn = [field.uniform(Keystream(key), size) for key in keys]
    for row, result in zip(weights, got, strict=True):
        shifted = [field.subtract(each, start) for each in drawn]
        assert np.array_equal(result, field.add(start, field.combine(row, shifted)))


def test_extrapolation_replaces_refused_words_as_uniform_does() -> None:
    words = [P] + [1] * (BLOCK - 1) + [77, 5]
    start = np.zeros(BLOCK + 1, dtype=np.uint64)
    (got,) = field.extrapolate(start, [Scripted(words)], [[1]])
    assert np.array_equal(got, field.uniform(Scripted(words), BLOCK + 1))
    with pytest.raises(Invalid):
        field.extrapolate(start, [Scripted([])], [[1, 2]])
    with pytest.raises(Invalid):
        field.extrapolate(start, [], [[]])


def test_without_a_place_for_the_cache_kernels_are_compiled_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*arguments: object, **options: object) -> object:
        if options.get("cache"):
            raise RuntimeError("cannot cache function")
        return lambda function: function

    monkeypatch.setattr("numba.njit", nowhere)
    assert kernel(lambda: "signature")(len)("abc") == 3
