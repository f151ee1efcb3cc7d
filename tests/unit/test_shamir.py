from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.sharing import shamir

SECRET = np.array([0, 1, P - 1, 12345], dtype=np.uint64)
points_lists = st.lists(st.integers(1, shamir.MAX_POINT), min_size=2, max_size=8, unique=True)


class Constant:
    """A stream of one word for ever."""

    def __init__(self, word: int) -> None:
        self._word = word.to_bytes(8, "little")

    def bytes(self, count: int) -> bytearray:
        return bytearray(self._word * (count // 8))


@settings(max_examples=60)
@given(points_lists, st.data())
def test_any_k_shares_give_the_secret(points: list[int], data: st.DataObject) -> None:
    threshold = data.draw(st.integers(2, len(points)))
    shares = shamir.share(SECRET, threshold, points, SystemRandomness())
    chosen = data.draw(st.permutations(points))[:threshold]
    assert list(shares) == points
    assert np.array_equal(shamir.reconstruct({x: shares[x] for x in chosen}, threshold), SECRET)


def test_31_of_31_works() -> None:
    shares = shamir.share(SECRET, 31, range(1, 32), SystemRandomness())
    assert np.array_equal(shamir.reconstruct(shares, 31), SECRET)


def test_two_shares_say_nothing_about_the_secret() -> None:
    points = [1, 2, 3, 4, 5]
    shares = shamir.share(SECRET, 3, points, SystemRandomness())
    other = field.uniform(SystemRandomness(), SECRET.size)
    for two in combinations(points, 2):  # with any other secret, the same two shares lie on a polynomial of degree 2
        known = {0: other} | {x: shares[x] for x in two}
        forged = {x: shamir.evaluate(known, x) for x in points}
        assert all(np.array_equal(forged[x], shares[x]) for x in two)
        for three in combinations(points, 3):
            assert np.array_equal(shamir.reconstruct({x: forged[x] for x in three}, 3), other)


@pytest.mark.parametrize("secret", [0, P - 1])
def test_every_share_is_uniform_whatever_the_secret(secret: int) -> None:
    shares = shamir.share(np.full(32_000, secret, dtype=np.uint64), 3, [1, 2, 7, 8], Keystream(bytes(32)))
    for share in shares.values():
        counts = np.bincount((share >> np.uint64(56)).astype(np.int64), minlength=32)
        assert float(((counts - 1000) ** 2 / 1000).sum()) < 77  # chi-square, 31 degrees of freedom, one in 10^5


@pytest.mark.parametrize("threshold", [2, 3])
def test_coefficients_may_be_zero(threshold: int) -> None:
    secret = np.full(3, 42, dtype=np.uint64)
    shares = shamir.share(secret, threshold, [1, 2, 3, 4], Constant(42))
    assert all(np.array_equal(share, secret) for share in shares.values())


@pytest.mark.parametrize(
    "points", [[0, 1], [P, 1], [2 * P, 1], [1, 1], [1, P + 1], [-1, 1], [1, 2**32 + 1], [1.0, 2], ["1", 2]]
)
def test_index_zero_duplicates_and_points_out_of_range_are_refused(points: list[int]) -> None:
    with pytest.raises(Invalid):
        shamir.check_points(points)
    with pytest.raises(Invalid):
        shamir.share(SECRET, 2, points, SystemRandomness())


def test_reconstruction_refuses_index_zero_and_too_few_shares() -> None:
    shares = shamir.share(SECRET, 3, [1, 2, 3], SystemRandomness())
    with pytest.raises(Invalid):
        shamir.reconstruct({0: SECRET} | {x: shares[x] for x in (1, 2)}, 3)
    with pytest.raises(Invalid):
        shamir.reconstruct({x: shares[x] for x in (1, 2)}, 3)
    with pytest.raises(Invalid):
        shamir.reconstruct({}, 2)


@pytest.mark.parametrize(("threshold", "parties"), [(1, 3), (0, 3), (-2, 3), (4, 3), (2, 32), (2, 0)])
def test_thresholds_out_of_range_are_refused(threshold: int, parties: int) -> None:
    with pytest.raises(Invalid):
        shamir.check_threshold(threshold, parties)
    with pytest.raises(Invalid):
        shamir.share(SECRET, threshold, range(1, parties + 1), SystemRandomness())


@given(points_lists, st.integers(0, P - 1), st.data())
def test_lagrange_weights_evaluate_polynomials(points: list[int], at: int, data: st.DataObject) -> None:
    coefficients = data.draw(st.lists(st.integers(0, P - 1), min_size=len(points), max_size=len(points)))

    def value(x: int) -> int:
        return sum(c * pow(x, i, P) for i, c in enumerate(coefficients)) % P

    weights = shamir.lagrange(points, at)
    assert sum(w * value(x) for w, x in zip(weights, points, strict=True)) % P == value(at)


def test_lagrange_refuses_no_points_and_points_equal_mod_p() -> None:
    for points in ([], [3, 3], [1, P + 1]):
        with pytest.raises(Invalid):
            shamir.lagrange(points)
    shamir.lagrange([1, 2]).clear()  # the cached weights are not the caller's
    assert shamir.lagrange([1, 2]) == [2, P - 1]


def test_shares_of_a_sum_are_sums_of_shares() -> None:
    a, b = (shamir.share(SECRET, 2, [1, 2, 3], SystemRandomness()) for _ in range(2))
    summed: dict[int, Vector] = {x: field.add(a[x], b[x]) for x in a}
    assert np.array_equal(shamir.reconstruct(summed, 2), field.add(SECRET, SECRET))
