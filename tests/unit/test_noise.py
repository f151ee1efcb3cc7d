from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from steelyard.errors import Invalid
from steelyard.privacy.noise import MAX_SCALE, laplace_share, standard_deviation
from steelyard.randomness import Keystream, SystemRandomness


def total_noise(epsilon: Fraction, sensitivity: int, sharers: int, count: int) -> NDArray[np.int64]:
    shares = [laplace_share(epsilon, sensitivity, sharers, count, Keystream(bytes([i] * 32))) for i in range(sharers)]
    summed: NDArray[np.int64] = np.sum(shares, axis=0)
    return summed


@pytest.mark.parametrize("sharers", [1, 2, 3, 5])
@pytest.mark.parametrize("epsilon", [Fraction(1, 4), Fraction(1), Fraction(3)])
def test_the_sum_of_all_shares_is_discrete_laplace_noise(epsilon: Fraction, sharers: int) -> None:
    count = 40_000
    noise = total_noise(epsilon, 1, sharers, count)
    q = math.exp(-float(epsilon))
    reach = next(k for k in range(100) if count * (1 - q) / (1 + q) * q ** (k + 1) < 10)
    expected = [count * (1 - q) / (1 + q) * q ** abs(k) for k in range(-reach, reach + 1)]
    observed = [int((noise == k).sum()) for k in range(-reach, reach + 1)]
    expected.append(count - sum(expected))
    observed.append(count - sum(observed))
    statistic = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    freedom = len(expected) - 1
    assert statistic < freedom + 5 * math.sqrt(2 * freedom) + 5


@pytest.mark.parametrize("scale", [100, 10**6, MAX_SCALE])
@pytest.mark.parametrize("sharers", [1, 4])
def test_wide_noise_has_the_right_spread_and_tails(scale: int, sharers: int) -> None:
    count = 40_000
    noise = total_noise(Fraction(1), scale, sharers, count).astype(np.float64) / scale
    assert abs(noise.mean()) < 5 * math.sqrt(2 / count)
    assert abs((noise**2).mean() - 2) < 5 * math.sqrt(20 / count)  # E X^4 = 24
    assert abs(np.abs(noise).mean() - 1) < 5 * math.sqrt(1 / count) + 1 / scale
    for depth in (1, 3, 5):
        share = math.exp(-depth)
        assert abs((np.abs(noise) > depth).mean() - share) < 5 * math.sqrt(share / count) + 1 / scale


def test_one_share_of_many_is_smaller_than_the_whole() -> None:
    part = laplace_share(Fraction(1), 1000, 5, 40_000, Keystream(bytes(32))).astype(np.float64)
    assert abs((part**2).mean() / 1000**2 - 2 / 5) < 5 * math.sqrt(24 / 5 / 40_000)


def test_the_same_stream_gives_the_same_noise_and_fresh_ones_do_not() -> None:
    one, two = (laplace_share(Fraction(1), 10**6, 3, 50, Keystream(bytes(32))) for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, laplace_share(Fraction(1), 10**6, 3, 50, SystemRandomness()))
    assert one.dtype == np.int64


def test_decimal_and_fraction_mean_the_same_epsilon() -> None:
    for exact in (Decimal("0.5"), Fraction(1, 2)):
        got = laplace_share(exact, 7, 2, 100, Keystream(bytes(32)))
        assert np.array_equal(got, laplace_share(Fraction(5, 10), 7, 2, 100, Keystream(bytes(32))))


class Constant:
    def __init__(self, word: int) -> None:
        self._word = word.to_bytes(8, "little")

    def bytes(self, count: int) -> bytearray:
        return bytearray(self._word * (count // 8))


@pytest.mark.parametrize("word", [0, 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("scale", [Fraction(1, 10**6), Fraction(1, 40), Fraction(1), Fraction(MAX_SCALE)])
def test_extreme_randomness_stays_in_range(word: int, scale: Fraction) -> None:
    noise = laplace_share(1 / scale, 1, 1, 10, Constant(word))
    assert int(np.abs(noise).max()) < 2**53


def test_a_huge_epsilon_gives_no_noise() -> None:
    assert not laplace_share(Fraction(10**9), 1, 3, 1000, SystemRandomness()).any()
    assert laplace_share(Fraction(1), 1, 3, 0, SystemRandomness()).size == 0


@pytest.mark.parametrize(
    ("epsilon", "sensitivity", "sharers", "count"),
    [
        (Fraction(0), 1, 3, 1),
        (Fraction(-1), 1, 3, 1),
        (Decimal("NaN"), 1, 3, 1),
        (Decimal("Infinity"), 1, 3, 1),
        (Decimal("1e999999"), 1, 3, 1),
        (0.5, 1, 3, 1),
        (Fraction(1), 0, 3, 1),
        (Fraction(1), MAX_SCALE + 1, 3, 1),
        (Fraction(1, 2), MAX_SCALE, 3, 1),
        (Fraction(1), 1, 0, 1),
        (Fraction(1), 1, 10**6, 1),
        (Fraction(1), 1, 3, -1),
    ],
)
def test_parameters_out_of_range_are_refused(epsilon: Fraction, sensitivity: int, sharers: int, count: int) -> None:
    with pytest.raises(Invalid):
        laplace_share(epsilon, sensitivity, sharers, count, SystemRandomness())


@pytest.mark.parametrize(("sharers", "contributors"), [(1, 1), (3, 3), (3, 4)])
def test_the_stated_deviation_is_that_of_the_noise(sharers: int, contributors: int) -> None:
    stream, size = Keystream(bytes(32)), 20_000
    parts = [laplace_share(Fraction(1, 2), 100, sharers, size, stream) for _ in range(contributors)]
    stated = standard_deviation(Fraction(1, 2), 100, sharers, contributors)
    assert abs(float(np.std(sum(parts))) / stated - 1) < 0.05
