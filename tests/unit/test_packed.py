"""Packed dealing hides from k-1 what plain Shamir hides, and gives all rows to k+w-1."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.ids import PartyId
from steelyard.randomness import Keystream, SystemRandomness, token
from steelyard.sharing import packed, seeded, shamir
from steelyard.sharing.robust import consistent, open_robustly

SIZES = [(n, k, w) for n in range(3, 8) for k in range(2, n) for w in range(1, n - k + 2)]
LENGTH = 5


def consortium(count: int) -> dict[PartyId, int]:
    return {PartyId(f"bank-{index:02d}"): 5 + 3 * index for index in range(count)}


def fresh(dealer: PartyId, points: Mapping[PartyId, int], threshold: int) -> dict[PartyId, bytes]:
    return {party: token() for party in seeded.seeded_receivers(dealer, list(points), threshold)}


def shared(secrets: list[Vector], points: Mapping[PartyId, int], threshold: int) -> dict[PartyId, Vector]:
    dealer = next(iter(points))
    keys = fresh(dealer, points, threshold)
    dealing = packed.deal(secrets, dealer, points, threshold, keys)
    assert len(dealing.explicit) == len(points) - threshold
    expanded = {party: seeded.expand(key, secrets[0].size) for party, key in keys.items()}
    return {dealer: dealing.own} | dealing.explicit | expanded


def some(width: int) -> list[Vector]:
    return [field.uniform(SystemRandomness(), LENGTH) for _ in range(width)]


@pytest.mark.parametrize(("n", "k", "w"), SIZES)
def test_as_many_shares_as_it_takes_give_all_rows(n: int, k: int, w: int) -> None:
    points, secrets = consortium(n), some(w)
    shares = shared(secrets, points, k)
    by_point = {points[party]: share for party, share in shares.items()}
    anchored = dict(zip(packed.anchors(w), secrets, strict=True))
    assert consistent(anchored | by_point, k + w - 1)
    for chosen in combinations(by_point, k + w - 1):
        basis = {x: by_point[x] for x in chosen}
        assert all(np.array_equal(shamir.evaluate(basis, at), row) for at, row in anchored.items())


@pytest.mark.parametrize(("n", "k", "w"), SIZES)
def test_any_k_minus_one_shares_are_as_uniform_as_those_that_are_drawn(n: int, k: int, w: int) -> None:
    """With the secrets fixed they and the drawn ones determine each other, whichever they are."""
    points, secrets = consortium(n), some(w)
    by_point = {points[party]: share for party, share in shared(secrets, points, k).items()}
    anchored = dict(zip(packed.anchors(w), secrets, strict=True))
    for chosen in combinations(by_point, k - 1):
        basis = anchored | {x: by_point[x] for x in chosen}
        assert len(basis) == k + w - 1
        assert all(np.array_equal(shamir.evaluate(basis, x), share) for x, share in by_point.items())


def test_no_anchor_is_where_a_party_can_be() -> None:
    assert all(not 1 <= at <= shamir.MAX_POINT for at in packed.anchors(31))
    assert packed.anchors(1) == (0,)


def test_one_row_is_plain_seeded_dealing() -> None:
    points, (secret,) = consortium(5), some(1)
    dealer = next(iter(points))
    keys = fresh(dealer, points, 3)
    one, other = packed.deal([secret], dealer, points, 3, keys), seeded.deal(secret, dealer, points, 3, keys)
    assert np.array_equal(one.own, other.own)
    assert all(np.array_equal(one.explicit[party], share) for party, share in other.explicit.items())


@given(st.integers(0, 40), st.integers(1, 6))
def test_rows_hold_the_values_in_order_and_zeros_behind(size: int, width: int) -> None:
    values = np.arange(1, size + 1, dtype=np.uint64)
    found = packed.rows(values, width)
    assert [row.size for row in found] == [packed.length(size, width)] * width
    whole = np.concatenate(found)
    assert np.array_equal(whole[:size], values)
    assert not whole[size:].any()


@given(st.integers(2, 31).flatmap(lambda n: st.tuples(st.just(n), st.integers(2, n))))
def test_packing_takes_away_nothing_that_all_parties_can_do_about_liars(shape: tuple[int, int]) -> None:
    n, k = shape
    liars, quorum = k - 1, -(-(n + k) // 2)
    width = packed.widest(n, k, liars, quorum)
    opening = k + width - 1
    assert width == 1 or opening < quorum
    for times in (1, 2):  # to prove a value, to correct it
        assert (n >= k + times * liars) <= (n >= opening + times * liars)


def test_a_liar_is_corrected_and_every_row_opened() -> None:
    points, secrets = consortium(10), some(4)
    shares = shared(secrets, points, 3)
    liar = list(points)[4]
    shares[liar] = field.add(shares[liar], np.ones(LENGTH, dtype=np.uint64))
    opened = open_robustly(shares, points, 6, 2, packed.anchors(4))
    assert opened.liars == (liar,)
    assert opened.verified
    assert np.array_equal(opened.value, np.concatenate(secrets))


def test_keys_of_others_and_too_many_rows_are_refused() -> None:
    points = consortium(5)
    dealer = next(iter(points))
    keys = fresh(dealer, points, 3)
    with pytest.raises(Invalid):
        packed.deal(some(4), dealer, points, 3, keys)
    with pytest.raises(Invalid):
        packed.deal(some(1), dealer, points, 3, dict.fromkeys(keys, bytes(32)))
    with pytest.raises(Invalid):
        packed.deal(some(1), dealer, points, 3, {dealer: token()})
    with pytest.raises(Invalid):
        packed.deal([], dealer, points, 3, keys)


def test_a_long_extension_is_what_it_is_piece_by_piece() -> None:
    size = field.BLOCK + 3
    known = [field.uniform(SystemRandomness(), size) for _ in range(2)]
    keys = [token(), token()]
    weights = [[1, 2, 3, P - 1], [5, 0, 0, 7]]
    inputs = [*known, *(seeded.expand(key, size) for key in keys)]
    found = field.extend(known, [Keystream(key) for key in keys], weights)
    for row, vector in zip(weights, found, strict=True):
        assert np.array_equal(vector, field.combine(row, inputs))
    with pytest.raises(Invalid):
        field.extend(known, [], weights)
