"""Bit-sliced vectors: fields, transpositions, codes and bilinear forms against plain integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard import bitfield
from steelyard.errors import Invalid, Malformed

numbers = st.lists(st.integers(0, (1 << 61) - 1), min_size=1, max_size=200)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_every_element_but_zero_has_an_inverse(m: int) -> None:
    for a in range(1, 1 << m):
        assert bitfield.multiply(a, bitfield.inverse(a, m), m) == 1
    with pytest.raises(Invalid):
        bitfield.inverse(0, m)


@pytest.mark.parametrize(("parties", "m"), [(2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (15, 4), (16, 5), (31, 5)])
def test_the_field_has_a_point_for_every_party(parties: int, m: int) -> None:
    assert bitfield.degree(parties) == m


@given(values=numbers)
@settings(deadline=None)
def test_slicing_and_joining_are_inverse(values: list[int]) -> None:
    vector = np.array(values, dtype=np.uint64)
    planes = bitfield.slice_bits(vector, 61)
    for b in (0, 1, 30, 60):
        row = np.unpackbits(planes[b].view(np.uint8), bitorder="little")
        assert row[: len(values)].tolist() == [value >> b & 1 for value in values]
        assert not row[len(values) :].any()
    assert np.array_equal(bitfield.join_bits(planes, len(values)), vector)


@given(values=numbers, width=st.integers(1, 5))
@settings(deadline=None)
def test_codes_say_what_a_digit_is_and_what_it_reaches(values: list[int], width: int) -> None:
    bits = bitfield.slice_bits(np.array(values, dtype=np.uint64), width)

    def row(words: np.ndarray) -> list[int]:
        return np.unpackbits(words.view(np.uint8), bitorder="little")[: len(values)].tolist()

    digits = [value % (1 << width) for value in values]
    for t in range((1 << width) - 1):
        assert row(bitfield.one_hot(bits)[t]) == [int(digit == t) for digit in digits]
        assert row(bitfield.thermometer(bits)[t]) == [int(digit >= t + 1) for digit in digits]


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_a_product_form_is_the_lowest_coefficient_of_a_product(m: int) -> None:
    size = 1 << m
    pairs = np.array([(a, b) for a in range(size) for b in range(size)], dtype=np.uint64)
    a, b = (bitfield.slice_bits(np.ascontiguousarray(pairs[:, i]), m)[:, None] for i in (0, 1))
    for weight in (1, 2, size - 1):
        out = np.zeros((1, a.shape[2]), dtype=np.uint64)
        bitfield.add_products(bitfield.product_form(weight, m), a, b, np.zeros((1, 3), dtype=np.int64), out)
        got = np.unpackbits(out[0].view(np.uint8), bitorder="little")[: len(pairs)]
        wanted = [bitfield.multiply(weight, bitfield.multiply(int(x), int(y), m), m) & 1 for x, y in pairs]
        assert got.tolist() == wanted


def test_arrays_that_do_not_fit_are_refused() -> None:
    a, out = np.zeros((2, 3, 4), dtype=np.uint64), np.zeros((1, 4), dtype=np.uint64)
    form = bitfield.product_form(1, 2)
    with pytest.raises(Invalid):
        bitfield.add_products(form, a, a, np.array([[0, 3, 0]], dtype=np.int64), out)
    with pytest.raises(Invalid):
        bitfield.add_products(form, a, a, np.array([[1, 0, 0]], dtype=np.int64), out)
    with pytest.raises(Invalid):
        bitfield.add_products(form, a, a[:, :, :3], np.array([[0, 0, 0]], dtype=np.int64), out)
    with pytest.raises(Invalid):
        bitfield.add_mapped(np.zeros((1, 2), dtype=np.uint8), np.zeros((3, 4), dtype=np.uint64), out)
    with pytest.raises(Malformed):
        bitfield.from_bytes(bytes(15), 1, 2)
