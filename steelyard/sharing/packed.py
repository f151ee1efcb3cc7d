"""Packed dealing: several rows of secrets on one polynomial, so that a share is a fraction of the vector.

Parties      as in `seeded`: a dealer who is one of the n parties, k-1 receivers with stream keys of their own
Guarantees   a polynomial of degree k+w-2 through w secrets: any k-1 receivers see uniform shares whatever the secrets
             are, as in plain Shamir; k+w-1 shares give all of them
Costs        n-k vectors of a w-th of the length are sent, no round of its own
Reference    M. Franklin, M. Yung, STOC 1992

The secrets lie at 0, -1, -2, ... mod P, where no party has its point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from steelyard.errors import Invalid
from steelyard.field import P, Vector, extend
from steelyard.ids import PartyId
from steelyard.randomness import Keystream
from steelyard.sharing.seeded import Dealing, seeded_receivers
from steelyard.sharing.shamir import check_points, lagrange


def widest(parties: int, threshold: int, liars: int, quorum: int) -> int:
    """How many rows may share a polynomial, at least one.

    With so many, all parties together can still do about `liars` of them what they could with one row (correct them, or
    at least prove a value), and any quorum can open and finds one wrong share.
    """
    correcting = parties >= threshold + 2 * liars
    reckoned = (2 if correcting else 1) * max(liars, 1)
    return max(1, min(parties - threshold - reckoned + 1, quorum - threshold))


def anchors(width: int) -> tuple[int, ...]:
    """Where the secrets lie."""
    return tuple(-place % P for place in range(width))


def length(size: int, width: int) -> int:
    """Of a row, when `size` values fill `width` of them; the last one ends in zeros."""
    return -(-size // width)


def rows(values: Vector, width: int) -> list[Vector]:
    """One after the other; `np.concatenate` and the size bring the values back."""
    long = length(values.size, width)
    filled = np.zeros(width * long, dtype=values.dtype)
    filled[: values.size] = values
    return list(filled.reshape(width, long))


def deal(
    secrets: Sequence[Vector],
    dealer: PartyId,
    points: Mapping[PartyId, int],
    threshold: int,
    stream_keys: Mapping[PartyId, bytes],
) -> Dealing:
    """Shares `secrets`, of one length, among the parties in `points`; `threshold` is k, whatever their number.

    Raises Invalid as `seeded.deal` does, and for more rows than there are parties to open them.
    """
    check_points(list(points.values()))
    receivers = seeded_receivers(dealer, list(points), threshold)
    if set(stream_keys) != set(receivers) or len(set(stream_keys.values())) != len(stream_keys):
        raise Invalid("a dealing takes one key of its own for each seeded receiver")
    if not 1 <= len(secrets) <= len(points) - threshold + 1:
        raise Invalid("so many rows of secrets could not be opened by all parties together")
    targets = [dealer, *(each for each in points if each != dealer and each not in receivers)]
    known = [*anchors(len(secrets)), *(points[each] for each in receivers)]
    weights = [lagrange(known, points[each]) for each in targets]
    shares = extend(secrets, [Keystream(stream_keys[each]) for each in receivers], weights)
    return Dealing(own=shares[0], explicit=dict(zip(targets[1:], shares[1:], strict=True)))
