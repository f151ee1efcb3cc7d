"""Who may permute when, so that no k-1 parties know a whole permutation.

k *parts* of a secret lie with k different parties, the holders; they permute their parts alike, in a way that only they
know.  Then one part is handed to a party that held none, and the new holders permute again.  It goes on until every
k-1 parties have, at some time, all been without a part: that permutation is unknown to them.

Reference    S. Laur, J. Willemson, B. Zhang, ISC 2011 (all groups of parties re-share and permute in turn)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Final

from steelyard.errors import Invalid

MAX_COALITIONS: Final = 500  # 5 of 9 has 126, 6 of 11 has 462

Passes = tuple[tuple[int, ...], ...]  # for every pass the position, from 1, of the holder of each part


@dataclass(frozen=True, slots=True)
class Leg:
    """One stay of a part with one holder: the passes `first` to `last`."""

    holder: int
    first: int
    last: int


@lru_cache(maxsize=64)
def passes(n: int, k: int) -> Passes:
    """Two passes that follow each other differ in the holder of one part.

    Raises Invalid where there are more than MAX_COALITIONS groups of k-1 parties: that would take too long.
    """
    if not 1 < k <= n or n < 2 * k - 1 or not covered(n, k):
        raise Invalid("there is no such relay")
    holders, moves, found = list(range(1, k + 1)), [0] * k, [tuple(range(1, k + 1))]
    coalitions = [_mask(each) for each in combinations(range(1, n + 1), k - 1)]
    while coalitions := [each for each in coalitions if each & _mask(holders)]:
        part, newcomer = min(
            ((part, new) for part in range(k) for new in range(1, n + 1) if new not in holders),
            key=lambda move: (*_distance(coalitions, holders, *move), moves[move[0]], _scrambled(len(found), *move)),
        )
        holders[part] = newcomer
        moves[part] += 1
        found.append(tuple(holders))
    return tuple(found)


def covered(n: int, k: int) -> bool:
    """Whether there is a relay for k of n."""
    return comb(n, k - 1) <= MAX_COALITIONS


@lru_cache(maxsize=64)
def legs(n: int, k: int) -> tuple[tuple[Leg, ...], ...]:
    """The way of every part.  Parts wait for nothing but their own journey: as many rounds as the longest has hops."""
    return tuple(tuple(_stays([holders[part] for holders in passes(n, k)])) for part in range(k))


def _stays(holders: list[int]) -> Iterator[Leg]:
    first = 0
    for at, holder in enumerate(holders):
        if at + 1 == len(holders) or holders[at + 1] != holder:
            yield Leg(holder, first, at)
            first = at + 1


def _distance(coalitions: list[int], holders: list[int], part: int, newcomer: int) -> tuple[int, int]:
    """How many parts the next coalition would still hold, and minus how many coalitions are so far."""
    after = _mask(holders) ^ 1 << holders[part] ^ 1 << newcomer
    held = [(each & after).bit_count() for each in coalitions]
    nearest = min(held)
    return nearest, -held.count(nearest)


def _scrambled(at: int, part: int, newcomer: int) -> int:
    """Breaks ties without favouring a part or a party: 3 hops instead of 4 for 3 of 5."""
    return (4 * part + 7 * (newcomer - 1) + at) % 11


def _mask(positions: tuple[int, ...] | list[int]) -> int:
    return sum(1 << each for each in positions)
