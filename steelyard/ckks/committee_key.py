"""The committee's part of the key of a request: shared k of n by Shamir's scheme, modulo every prime, value by value.

Guarantees   any k shares decrypt, k-1 are uniform whatever the key is; a refresh adds a sharing of zero, after which
             shares of different epochs do not go together
Reference    A. Shamir, CACM 22 (1979); A. Herzberg et al., CRYPTO 1995 (proactive refresh)
Differs      points are 1, -1, 2, -2, ...: the weights at zero, and with them the noise of the parts, stay small.  A
             part of a decryption carries noise, so it is multiplied by integers only: the weights over their common
             denominator, which multiplies all else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from steelyard.ckks import samplers
from steelyard.ckks.ring import Residues, Ring
from steelyard.errors import Conflict, Invalid
from steelyard.randomness import Randomness
from steelyard.sharing.shamir import check_threshold


@dataclass(frozen=True)
class KeyShare:
    """One member's share, of one epoch."""

    position: int  # from 0
    epoch: int
    values: Residues = field(repr=False)

    def refreshed(self, ring: Ring, zeros: Sequence[Residues]) -> KeyShare:
        """The share of the next epoch, from what every member has dealt of its sharing of zero; the old one is void."""
        return KeyShare(self.position, self.epoch + 1, ring.total([self.values, *zeros]))


@dataclass(frozen=True)
class Weights:
    """`numerators[i] / denominator` weighs the part of member i."""

    numerators: Mapping[int, int]
    denominator: int


def point(position: int) -> int:
    return (position // 2 + 1) * (-1 if position % 2 else 1)


def deal(ring: Ring, secret: Residues, threshold: int, members: int, stream: Randomness) -> list[Residues]:
    """A share of the secret for each member; zero for `secret` deals what refreshes shares."""
    check_threshold(threshold, members)
    coefficients = [secret, *(samplers.uniform(ring, stream) for _ in range(threshold - 1))]
    return [evaluated(ring, coefficients, point(position)) for position in range(members)]


def weights(positions: Sequence[int]) -> Weights:
    """Those at zero of members at these positions."""
    if len(set(positions)) != len(positions) or not positions:
        raise Invalid("parts of a decryption come from different members")
    exact = {position: _weight([point(each) for each in positions], point(position)) for position in positions}
    denominator = math.lcm(*(each.denominator for each in exact.values()))
    return Weights({position: int(each * denominator) for position, each in exact.items()}, denominator)


def combine(ring: Ring, shares: Sequence[KeyShare], threshold: int) -> Residues:
    """The key itself: for tests, and to see that a sharing is what it should be.  Raises Conflict, Invalid."""
    if len({each.epoch for each in shares}) > 1:
        raise Conflict("shares of different epochs do not go together: the older ones are void")
    if len(shares) < threshold:
        raise Invalid(f"{threshold} shares are needed, there are {len(shares)}")
    chosen = weights([each.position for each in shares])
    terms = [ring.scale(chosen.numerators[each.position], each.values) for each in shares]
    inverse = [pow(chosen.denominator, -1, prime) for prime in ring.primes]
    return ring.scale(inverse, ring.total(terms))


def evaluated(ring: Ring, coefficients: Sequence[Residues], at: int) -> Residues:
    """The share at a point of what the first of the coefficients is the secret of."""
    result = coefficients[-1]
    for each in reversed(coefficients[:-1]):
        result = ring.add(ring.scale(at, result), each)
    return result


def _weight(points: Sequence[int], own: int) -> Fraction:
    return math.prod((Fraction(-x, own - x) for x in points if x != own), start=Fraction(1))
