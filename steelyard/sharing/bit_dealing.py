"""How bits become shares over GF(2^m): as few bits as possible are sent, everything else is expanded from keys.

Parties      up to 31, at positions 1..n; a dealer knows a bit, every party ends with a share of it
Knows        the receivers of a random stream share a one-time key with its dealer
Guarantees   a Shamir sharing of degree k-1 that k-1 receivers cannot tell from one of another bit
Costs        n-k bits sent per dealt bit (`_pieces`), or m(n-k) where there would be too many pieces (`_points`)
Reference    R. Cramer, I. Damgard, Y. Ishai, TCC 2005: replicated sharing converts to Shamir's without a word

A dealing is linear over GF(2) in the bit and the random bits, so all of it is 0/1 matrices:

* pieces: the bit is a sum of one-bit pieces, one for every group of n-k receivers, who all know it.  However k-1 of
  the receivers are chosen, there is a group without any of them.  All pieces but one are random; the last is sent.  A
  piece r of group A adds r * f_A(x) to the share at x, where f_A has degree k-1, is 1 at zero and vanishes at the
  receivers outside A.
* points: the shares of k-1 receivers are random, those of the others follow by interpolation and are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Final

import numpy as np

from steelyard.bitfield import Matrix, column, degree, inverse, lagrange, multiply, scaling
from steelyard.errors import Invalid

MAX_PIECES: Final = 20  # beyond, expanding the streams costs more than sending less saves

Group = frozenset[int]  # positions of the receivers of a stream


@dataclass(frozen=True, slots=True)
class BitDealing:
    """One dealer's dealing.  A random row is a stream of bits that the dealer and a group of receivers expand."""

    groups: tuple[Group, ...]  # of each random row
    own: Matrix  # (m, 1 + random rows): the dealer's share from [the bit, *random rows]
    messages: tuple[tuple[tuple[int, ...], Matrix], ...]  # receivers -> (rows, 1 + random rows): what they are sent
    seeded: Mapping[int, Matrix]  # receiver -> (m, random rows it knows): their part in its share
    told: Mapping[int, Matrix]  # receiver of a message -> (m, rows of the message): the message's part in its share


@lru_cache(maxsize=512)
def plan(n: int, k: int, dealer: int) -> BitDealing:
    """The dealing of the party at position `dealer`, for k of n."""
    if not (1 < k <= n <= 31 and 1 <= dealer <= n):
        raise Invalid("there is no such dealing")
    ring = tuple((dealer + step - 1) % n + 1 for step in range(1, n))  # by rotation all send and receive the same
    return _pieces(n, k, dealer, ring) if comb(n - 1, k - 1) <= MAX_PIECES else _points(n, k, dealer, ring)


def _pieces(n: int, k: int, dealer: int, ring: tuple[int, ...]) -> BitDealing:
    m, sent = degree(n), frozenset(ring[k - 1 :])
    groups = tuple(each for each in map(frozenset, combinations(ring, n - k)) if each != sent)
    last = _basis(sent, ring, dealer, m)  # the piece that is sent is the bit and all other pieces, added up
    own = _matrix([last, *(_basis(group, ring, dealer, m) ^ last for group in groups)], m)
    message = np.ones((1, 1 + len(groups)), dtype=np.uint8)
    seeded = {x: _matrix([_basis(group, ring, x, m) for group in groups if x in group], m) for x in ring}
    told = {x: _matrix([_basis(sent, ring, x, m)], m) for x in sent}
    return BitDealing(groups, own, ((tuple(sorted(sent)), message),) if sent else (), seeded, told)


def _basis(group: Group, ring: Sequence[int], at: int, m: int) -> int:
    """f_A(at): 1 at zero, 0 at the receivers outside the group."""
    value = 1
    for x in ring:
        if x not in group:
            value = multiply(value, multiply(at ^ x, inverse(x, m), m), m)
    return value


def _points(n: int, k: int, dealer: int, ring: tuple[int, ...]) -> BitDealing:
    m, seeded = degree(n), ring[: k - 1]
    groups = tuple(frozenset({x}) for x in seeded for _ in range(m))
    one, none = np.eye(m, dtype=np.uint8), np.zeros((m, 0), dtype=np.uint8)

    def share(x: int) -> Matrix:
        of_bit, *of_shares = lagrange([0, *seeded], m, x)
        return np.concatenate([_matrix([of_bit], m), *(scaling(weight, m) for weight in of_shares)], axis=1)

    messages = tuple(((x,), share(x)) for x in ring[k - 1 :])
    known = {x: one if x in seeded else none for x in ring}
    return BitDealing(groups, share(dealer), messages, known, dict.fromkeys(ring[k - 1 :], one))


def _matrix(elements: Sequence[int], m: int) -> Matrix:
    """One column of coefficients for each element."""
    columns = [column(element, m) for element in elements]
    return np.array(columns, dtype=np.uint8).reshape(len(columns), m).T.copy()
