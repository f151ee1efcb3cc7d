"""Opening in spite of lying holders, and the check that dealt or opened values lie on one polynomial.

With r replies, threshold k and at most b liars:
* r >= k+2b: up to b wrong replies are corrected and named; with more than b, Cheated, nobody named
* k < r < k+2b: up to r-k wrong replies are detected: Cheated, nobody named.  (At 3-of-5 two liars can place three
  honest values so that a decoder that believes in one liar finds a wrong sum and blames an honest party.)
* r = k: nothing can be checked

A value is `verified` when b liars could not have forged it: r >= k+b and r > k.

Vectors are judged by three random combinations (`combination`), drawn here after all shares have arrived; a share that
is wrong anywhere is wrong in one of them except with probability 2^-179.  The vector itself is interpolated once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from steelyard.errors import Cheated, Invalid, Malformed, Unreachable
from steelyard.field import Vector
from steelyard.ids import PartyId
from steelyard.randomness import token
from steelyard.sharing import combination
from steelyard.sharing.reed_solomon import wrong_points
from steelyard.sharing.shamir import check_points, check_threshold, evaluate


@dataclass(frozen=True)
class Opened:
    """An opened value.  `verified`: the assumed liars could not have forged it.  `liars`: proven, and left out."""

    value: Vector = field(repr=False)
    verified: bool
    liars: tuple[PartyId, ...]


def open_robustly(
    shares: Mapping[PartyId, Vector],
    points: Mapping[PartyId, int],
    threshold: int,
    liars: int | None = None,
    anchors: Sequence[int] = (0,),
) -> Opened:
    """The secret behind `shares`, when at most `liars` (default: threshold - 1) of the holders lie.

    `anchors` are the points where it lies: a row of it at each of them, one after the other.

    Raises Unreachable with fewer than `threshold` shares, Malformed for shares of different lengths, Cheated (culprits
    empty, all repliers suspects) when shares contradict each other and the liars cannot be told.
    """
    liars = threshold - 1 if liars is None else liars
    by_point = _by_point(shares, points, threshold)
    if liars < 0:
        raise Invalid("there are no fewer than no liars")
    if len(shares) < threshold:
        raise Unreachable(f"{len(shares)} shares have arrived, {threshold} are needed to open the value")
    wrong = deviants(_fingerprints(by_point), threshold, liars)
    if wrong is None:
        raise Cheated("shares contradict each other, and too few have arrived to tell whose", suspects=sorted(shares))
    good = [x for x in by_point if x not in wrong][:threshold]
    return Opened(
        value=np.concatenate([evaluate({x: by_point[x] for x in good}, at) for at in anchors]),
        verified=len(shares) >= threshold + max(liars, 1),
        liars=tuple(sorted(party for party in shares if points[party] in wrong)),
    )


def consistent(values: Mapping[int, Vector], threshold: int) -> bool:
    """Whether the values lie on polynomials of degree below `threshold`; vacuous with exactly that many.

    Point 0 may be among them: it anchors a sharing of a known value.  Raises Invalid with fewer values.
    """
    if threshold < 1 or len(values) < threshold:
        raise Invalid(f"{threshold} values are needed for a check, there are {len(values)}")
    basis = {x: values[x] for x in list(values)[:threshold]}
    return all(np.array_equal(evaluate(basis, x), values[x]) for x in values if x not in basis)


def deviants(values: Mapping[int, Vector], threshold: int, liars: int) -> tuple[int, ...] | None:
    """The points, at most `liars`, whose values are off; () when all agree; None when it cannot be told.

    Meant for short vectors, such as combinations.  Nobody is named unless there are threshold + 2 liars values.
    """
    if liars < 0:
        raise Invalid("there are no fewer than no liars")
    if consistent(values, threshold):
        return ()
    if len(values) < threshold + 2 * liars:
        return None
    wrong: set[int] = set()
    for row in zip(*(vector.tolist() for vector in values.values()), strict=True):
        found = wrong_points(dict(zip(values, row, strict=True)), threshold)
        if found is None:
            return None
        wrong |= found
    return tuple(sorted(wrong)) if len(wrong) <= liars else None


def _by_point(shares: Mapping[PartyId, Vector], points: Mapping[PartyId, int], threshold: int) -> dict[int, Vector]:
    check_points(list(points.values()))
    check_threshold(threshold, len(points))
    if not set(shares) <= set(points):
        raise Invalid("a share has come from a party without an evaluation point")
    if len({vector.shape for vector in shares.values()}) > 1:
        raise Malformed("shares of one value have different lengths", suspects=sorted(shares))
    return {points[party]: shares[party] for party in sorted(shares)}


def _fingerprints(by_point: Mapping[int, Vector]) -> Mapping[int, Vector]:
    """What stands for the shares when they are compared; short vectors stand for themselves."""
    if all(vector.size <= combination.CHALLENGES for vector in by_point.values()):
        return by_point
    seed = token()
    return {x: combination.combine(seed, vector) for x, vector in by_point.items()}
