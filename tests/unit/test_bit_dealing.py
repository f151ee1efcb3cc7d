"""Dealt bits: any k shares give the bit, and k-1 receivers cannot tell."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from steelyard import bitfield
from steelyard.errors import Invalid
from steelyard.randomness import Keystream
from steelyard.sharing.bit_dealing import plan

SIZES = [(2, 2), (3, 2), (3, 3), (4, 2), (5, 2), (5, 3), (6, 3), (7, 4), (9, 5), (15, 8), (31, 16)]


def rank(rows: np.ndarray) -> int:
    """Over GF(2)."""
    left = {int("1" + "".join(map(str, row)), 2) & ~(1 << len(row)) for row in rows.tolist()} - {0}
    found = 0
    while left:
        pivot = max(left)
        left = {min(row, row ^ pivot) for row in left - {pivot}} - {0}
        found += 1
    return found


def views(n: int, k: int, dealer: int) -> dict[int, np.ndarray]:
    """What every receiver knows, as rows over [the bit, *random rows]."""
    dealing = plan(n, k, dealer)
    size = 1 + len(dealing.groups)
    seen = {}
    for x in range(1, n + 1):
        known = [np.eye(size, dtype=np.uint8)[1 + i] for i, group in enumerate(dealing.groups) if x in group]
        told = [row for receivers, matrix in dealing.messages if x in receivers for row in matrix]
        seen[x] = np.array([*known, *told], dtype=np.uint8).reshape(-1, size)
    return seen


@pytest.mark.parametrize(("n", "k"), [size for size in SIZES if size[0] <= 9])
def test_fewer_than_the_threshold_cannot_tell_one_bit_from_the_other(n: int, k: int) -> None:
    for dealer in range(1, n + 1):
        seen = views(n, k, dealer)
        the_bit = np.eye(1, next(iter(seen.values())).shape[1], dtype=np.uint8)
        for coalition in combinations([x for x in seen if x != dealer], k - 1):
            view = np.concatenate([seen[x] for x in coalition])
            assert rank(np.concatenate([view, the_bit])) == rank(view) + 1


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_all_shares_lie_on_one_polynomial_through_the_bit(n: int, k: int) -> None:
    m, stream = bitfield.degree(n), Keystream(bytes(32))
    for dealer in {1, n}:
        dealing = plan(n, k, dealer)
        rows = 1 + len(dealing.groups)
        source = np.frombuffer(stream.bytes(24 * rows), dtype=np.uint64).reshape(rows, 3)
        shares = {dealer: bitfield.map_rows(dealing.own, source)}
        for x in set(range(1, n + 1)) - {dealer}:
            known = [1 + i for i, group in enumerate(dealing.groups) if x in group]
            shares[x] = bitfield.map_rows(dealing.seeded[x], source[known])
            for receivers, matrix in dealing.messages:
                if x in receivers:
                    bitfield.add_mapped(dealing.told[x], bitfield.map_rows(matrix, source), shares[x])
        for start in range(n - k + 1):
            points = list(range(start + 1, start + k + 1))
            value = np.zeros((m, 3), dtype=np.uint64)
            for weight, x in zip(bitfield.lagrange(points, m), points, strict=True):
                bitfield.add_mapped(bitfield.scaling(weight, m), shares[x], value)
            assert np.array_equal(value[0], source[0])
            assert not value[1:].any()


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3), (7, 4)])
def test_one_bit_is_sent_to_each_of_n_minus_k_receivers(n: int, k: int) -> None:
    ((receivers, matrix),) = plan(n, k, 1).messages
    assert (len(receivers), matrix.shape[0]) == (n - k, 1)


@pytest.mark.parametrize("wrong", [(3, 1, 1), (3, 4, 1), (32, 2, 1), (3, 2, 0), (3, 2, 4)])
def test_no_other_dealing_is_planned(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(Invalid):
        plan(*wrong)
