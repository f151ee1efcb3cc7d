from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P, Vector
from steelyard.ids import PartyId
from steelyard.randomness import SystemRandomness, token
from steelyard.sharing import seeded, shamir
from steelyard.sharing.robust import consistent

SECRET = np.array([0, 1, P - 1, 424242], dtype=np.uint64)


def consortium(count: int) -> dict[PartyId, int]:
    return {PartyId(f"bank-{index:02d}"): 5 + 3 * index for index in range(count)}


def all_shares(
    secret: Vector, dealer: PartyId, points: Mapping[PartyId, int], threshold: int, keys: Mapping[PartyId, bytes]
) -> dict[PartyId, Vector]:
    dealing = seeded.deal(secret, dealer, points, threshold, keys)
    expanded = {party: seeded.expand(key, secret.size) for party, key in keys.items()}
    return {dealer: dealing.own} | dealing.explicit | expanded


def fresh_keys(dealer: PartyId, points: Mapping[PartyId, int], threshold: int) -> dict[PartyId, bytes]:
    return {party: token() for party in seeded.seeded_receivers(dealer, list(points), threshold)}


SIZES = [(k, n) for n in range(2, 8) for k in range(2, n + 1)]


@pytest.mark.parametrize(("threshold", "parties"), SIZES)
def test_a_seeded_dealing_is_a_shamir_sharing_of_degree_k_minus_one(threshold: int, parties: int) -> None:
    points = consortium(parties)
    for dealer in points:
        shares = all_shares(SECRET, dealer, points, threshold, fresh_keys(dealer, points, threshold))
        assert set(shares) == set(points)
        by_point = {points[party]: share for party, share in shares.items()}
        assert consistent({0: SECRET} | by_point, threshold)
        assert not consistent({0: SECRET} | by_point, threshold - 1)


@pytest.mark.parametrize(("threshold", "parties"), SIZES)
def test_only_n_minus_k_shares_are_sent_and_the_load_is_even(threshold: int, parties: int) -> None:
    points = consortium(parties)
    seeds: Counter[PartyId] = Counter()
    for dealer in points:
        receivers = seeded.seeded_receivers(dealer, list(points), threshold)
        assert receivers == seeded.seeded_receivers(dealer, list(reversed(points)), threshold)
        assert dealer not in receivers
        assert len(set(receivers)) == threshold - 1
        seeds.update(receivers)
        dealing = seeded.deal(SECRET, dealer, points, threshold, fresh_keys(dealer, points, threshold))
        assert set(dealing.explicit) == set(points) - {dealer} - set(receivers)
        assert len(dealing.explicit) == parties - threshold
    assert set(seeds.values()) == {threshold - 1}


class Chosen:
    """Stands for the stream of a key that is a vector's bytes: what a coalition cannot rule out."""

    def __init__(self, key: bytes) -> None:
        self._rest = key

    def bytes(self, count: int) -> bytearray:
        head, self._rest = self._rest[:count], self._rest[count:]
        return bytearray(head)


@pytest.mark.parametrize(("threshold", "parties"), [(2, 3), (3, 5), (4, 5), (3, 3)])
def test_k_minus_one_shares_fit_any_other_secret(threshold: int, parties: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points = consortium(parties)
    dealer = next(iter(points))
    monkeypatch.setattr(seeded, "Keystream", Chosen)
    streams = {
        p: field.uniform(SystemRandomness(), SECRET.size)
        for p in seeded.seeded_receivers(dealer, list(points), threshold)
    }
    shares = all_shares(SECRET, dealer, points, threshold, {p: field.to_bytes(v) for p, v in streams.items()})
    other = field.uniform(SystemRandomness(), SECRET.size)
    for coalition in combinations(sorted(set(points) - {dealer}), threshold - 1):
        seen = {0: other} | {points[party]: shares[party] for party in coalition}
        explaining = {party: field.to_bytes(shamir.evaluate(seen, points[party])) for party in streams}
        told = all_shares(other, dealer, points, threshold, explaining)
        assert all(np.array_equal(told[party], shares[party]) for party in coalition)


@pytest.mark.parametrize("secret", [0, P - 1])
def test_every_share_looks_uniform_whatever_the_secret(secret: int) -> None:
    points = consortium(4)
    keys = {p: bytes([i] * 32) for i, p in enumerate(seeded.seeded_receivers(PartyId("bank-00"), list(points), 3))}
    shares = all_shares(np.full(32_000, secret, dtype=np.uint64), PartyId("bank-00"), points, 3, keys)
    for share in shares.values():
        counts = np.bincount((share >> np.uint64(56)).astype(np.int64), minlength=32)
        assert float(((counts - 1000) ** 2 / 1000).sum()) < 77  # chi-square, 31 degrees of freedom, one in 10^5


@settings(max_examples=10)
@given(st.sampled_from([1, 2, 1000, field.BLOCK, field.BLOCK + 1]))
def test_dealings_of_any_length_reconstruct(size: int) -> None:
    points = consortium(5)
    dealer = PartyId("bank-03")
    secret = field.uniform(SystemRandomness(), size)
    shares = all_shares(secret, dealer, points, 3, fresh_keys(dealer, points, 3))
    for chosen in combinations(points, 3):
        assert np.array_equal(shamir.reconstruct({points[p]: shares[p] for p in chosen}, 3), secret)


def test_keys_for_others_than_the_seeded_receivers_or_equal_keys_are_refused() -> None:
    points = consortium(4)
    dealer = PartyId("bank-00")
    good = fresh_keys(dealer, points, 3)
    first, second = good
    same = token()
    for bad in (
        {},
        {first: token()},
        {first: same, second: same},
        good | {PartyId("bank-03"): token()},
        {first: token(), dealer: token()},
    ):
        with pytest.raises(Invalid):
            seeded.deal(SECRET, dealer, points, 3, bad)
    with pytest.raises(Invalid):
        seeded.deal(SECRET, dealer, points, 3, {first: token(), second: b"short"})


def test_a_stranger_does_not_deal_and_points_are_checked() -> None:
    points = consortium(3)
    with pytest.raises(Invalid):
        seeded.seeded_receivers(PartyId("stranger"), list(points), 2)
    with pytest.raises(Invalid):
        seeded.seeded_receivers(PartyId("bank-00"), [*points, PartyId("bank-00")], 2)
    with pytest.raises(Invalid):
        seeded.deal(SECRET, PartyId("bank-00"), points | {PartyId("bank-01"): 0}, 2, {PartyId("bank-01"): token()})


def test_a_dealing_prints_no_share() -> None:
    points = consortium(3)
    dealing = seeded.deal(SECRET, PartyId("bank-00"), points, 2, {PartyId("bank-01"): token()})
    assert repr(dealing) == "Dealing()"
