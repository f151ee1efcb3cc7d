"""Dealing of random polynomials: through zero at an anchor, or with one random value there for several committees.

Parties      a dealer, who need not be a receiver; the receivers of each code
Knows        each of k-1 receivers of a code shares a one-time stream key with the dealer, as in `seeded`
Guarantees   shares at k-1 receivers are uniform and fix, with the anchor, the polynomial of degree k-1.  Nothing
             dealt depends on anybody's data, so a dealing can be opened when it is not used
Reference    A. Herzberg, S. Jarecki, H. Krawczyk, M. Yung, CRYPTO 1995 (zero at 0, zero at the lost point);
             I. Damgard, J. Nielsen, CRYPTO 2007 (double sharings)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steelyard.field import Vector, add, extrapolate, uniform
from steelyard.ids import PartyId
from steelyard.randomness import Keystream
from steelyard.sharing.combination import CHALLENGES, combine
from steelyard.sharing.robust import consistent
from steelyard.sharing.shamir import evaluate, lagrange


@dataclass(frozen=True, slots=True)
class Code:
    """Polynomials of degree below `threshold`, one per element, known to `points`.

    They are zero at `anchor`, or, when `secret` is a name, random at 0: the same there in all codes of that name.
    `length` elements are used, CHALLENGES more are masks of the check.
    """

    name: str
    points: Mapping[PartyId, int]
    threshold: int
    length: int
    anchor: int = 0
    secret: str = ""

    @property
    def size(self) -> int:
        return self.length + CHALLENGES

    def seeded(self, dealer: PartyId) -> tuple[PartyId, ...]:
        """The k-1 receivers after the dealer, in the order of names and around the end."""
        ring = sorted(party for party in self.points if party != dealer)
        after = sum(party < dealer for party in ring)
        return tuple((ring + ring)[after : after + self.threshold - 1])

    def explicit(self, dealer: PartyId) -> tuple[PartyId, ...]:
        """The receivers who are sent their shares."""
        return tuple(party for party in self.points if party != dealer and party not in self.seeded(dealer))


def deal(code: Code, dealer: PartyId, keys: Mapping[PartyId, bytes], secret: bytes) -> dict[PartyId, Vector]:
    """Shares of the dealer, if it is a receiver, and of those who have no key; `secret`: key of the random values."""
    seeded = code.seeded(dealer)
    targets = [*([dealer] if dealer in code.points else []), *code.explicit(dealer)]
    known = [code.anchor, *(code.points[party] for party in seeded)]
    weights = [lagrange(known, code.points[party])[1:] for party in targets]
    start = uniform(Keystream(secret), code.size) if code.secret else np.zeros(code.size, dtype=np.uint64)
    shares = extrapolate(start, [Keystream(keys[party]) for party in seeded], weights)
    return dict(zip(targets, shares, strict=True))


def masked(code: Code, challenge: bytes, share: Vector) -> Vector:
    """Three combinations of a share, hidden by the three masks behind it."""
    return add(combine(challenge, share[: code.length]), share[code.length :])


def sound(codes: tuple[Code, ...], combinations: Mapping[str, Mapping[PartyId, Vector]]) -> bool:
    """Whether one dealer's combinations, by code and receiver, are on such polynomials as the codes say."""
    at_zero: dict[str, Vector] = {}
    for code in codes:
        values = {code.points[party]: each for party, each in combinations[code.name].items()}
        if not code.secret:
            values[code.anchor] = np.zeros(CHALLENGES, dtype=np.uint64)
        elif code.secret in at_zero:
            values[0] = at_zero[code.secret]
        if not consistent(values, code.threshold):
            return False
        if code.secret:
            at_zero[code.secret] = evaluate(dict(list(values.items())[: code.threshold]), 0)
    return True
