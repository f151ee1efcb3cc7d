"""Shamir's secret sharing, k of n: shares are values of a random polynomial of degree k-1 that is the secret at 0.

Guarantees   any k shares give the secret; k-1 shares are uniform whatever the secret is (perfect privacy)
Reference    A. Shamir, How to share a secret, CACM 22 (1979)

A party's point is its own for ever, never a position in a list; zero would be the secret itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.randomness import Randomness

MAX_PARTIES: Final = 31
MAX_POINT: Final = 1 << 32


def check_points(points: Sequence[int]) -> None:
    """Raises Invalid unless the points are distinct and from 1 to 2^32, so also distinct and non-zero mod P."""
    if not all(isinstance(x, int) and 1 <= x <= MAX_POINT for x in points):
        raise Invalid("an evaluation point is a number from 1 to 2^32: zero would be the secret itself")
    if len(set(points)) != len(points):
        raise Invalid("two parties have the same evaluation point")


def check_threshold(threshold: int, parties: int) -> None:
    """Raises Invalid unless 1 < threshold <= parties <= 31."""
    if not 1 < threshold <= parties <= MAX_PARTIES:
        raise Invalid(f"{threshold} of {parties} is no sharing: it takes 1 < threshold <= parties <= {MAX_PARTIES}")


def share(secret: Vector, threshold: int, points: Sequence[int], randomness: Randomness) -> dict[int, Vector]:
    """One share per point; any `threshold` of them give the secret.

    The shares at the first k-1 points are drawn uniformly and with the secret fix the polynomial, which is the same
    as drawing its coefficients uniformly, zero included.
    """
    check_points(points)
    check_threshold(threshold, len(points))
    known = {0: secret} | {x: field.uniform(randomness, secret.size) for x in points[: threshold - 1]}
    return {x: known[x] if x in known else evaluate(known, x) for x in points}


def reconstruct(shares: Mapping[int, Vector], threshold: int) -> Vector:
    """The secret from the first `threshold` of the shares by point; shares beyond are not looked at (see `robust`)."""
    check_points(list(shares))
    check_threshold(threshold, max(threshold, len(shares)))
    if len(shares) < threshold:
        raise Invalid(f"{threshold} shares are needed, there are {len(shares)}")
    return evaluate({x: shares[x] for x in sorted(shares)[:threshold]}, 0)


def evaluate(values: Mapping[int, Vector], at: int) -> Vector:
    """At another point, the polynomial of lowest degree that has all these values (point 0 is allowed)."""
    return field.combine(lagrange(list(values), at), list(values.values()))


def lagrange(points: Sequence[int], at: int = 0) -> list[int]:
    """The weights w such that f(at) = sum of w[j] * f(points[j]) for every f of degree below len(points).

    Raises Invalid for no points and for points that are equal mod P.
    """
    return list(_lagrange(tuple(points), at))


@lru_cache(maxsize=4096)
def _lagrange(points: tuple[int, ...], at: int) -> tuple[int, ...]:
    if not points or len({x % P for x in points}) != len(points):
        raise Invalid("interpolation needs distinct points")
    return tuple(_weight(points, x, at) for x in points)


def _weight(points: tuple[int, ...], own: int, at: int) -> int:
    numerator, denominator = 1, 1
    for x in points:
        if x != own:
            numerator = numerator * (at - x) % P
            denominator = denominator * (own - x) % P
    return numerator * pow(denominator, -1, P) % P
