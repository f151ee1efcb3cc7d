from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard import field
from steelyard.errors import Cheated, Invalid, Malformed, Unreachable
from steelyard.field import P, Vector
from steelyard.ids import PartyId
from steelyard.randomness import SystemRandomness
from steelyard.sharing import shamir
from steelyard.sharing.reed_solomon import wrong_points
from steelyard.sharing.robust import consistent, deviants, open_robustly

Shares = dict[PartyId, Vector]
Points = dict[PartyId, int]


def consortium(count: int) -> Points:
    return {PartyId(f"bank-{index:02d}"): 3 + 7 * index for index in range(count)}


def sharing(points: Points, threshold: int, size: int = 5) -> tuple[Vector, Shares]:
    secret = field.uniform(SystemRandomness(), size)
    shares = shamir.share(secret, threshold, list(points.values()), SystemRandomness())
    return secret, {party: shares[x] for party, x in points.items()}


def spoiled(shares: Shares, liars: Iterable[PartyId], places: slice = slice(None)) -> Shares:
    """The liars' shares, each wrong by something of its own."""
    out = {party: share.copy() for party, share in shares.items()}
    for liar in liars:
        error = field.uniform(SystemRandomness(), out[liar][places].size)
        out[liar][places] = field.add(out[liar][places], np.maximum(error, np.uint64(1)))
    return out


@settings(max_examples=60)
@given(st.data())
def test_up_to_b_wrong_replies_are_corrected_and_named(data: st.DataObject) -> None:
    threshold = data.draw(st.integers(2, 5))
    assumed = data.draw(st.integers(0, threshold - 1))
    points = consortium(threshold + 2 * assumed + data.draw(st.integers(0, 2)))
    secret, shares = sharing(points, threshold, data.draw(st.sampled_from([1, 3, 4, 1500])))
    lying = data.draw(st.lists(st.sampled_from(list(points)), max_size=assumed, unique=True))
    opened = open_robustly(spoiled(shares, lying), points, threshold, assumed)
    assert np.array_equal(opened.value, secret)
    assert opened.liars == tuple(sorted(lying))
    assert opened.verified == (len(points) > threshold)


@pytest.mark.parametrize(("threshold", "parties"), [(2, 31), (11, 31), (16, 31), (10, 28)])
def test_large_consortia_correct_as_much_as_the_code_allows(threshold: int, parties: int) -> None:
    points, assumed = consortium(parties), (parties - threshold) // 2
    secret, shares = sharing(points, threshold, 20)
    lying = list(points)[::2][:assumed]
    opened = open_robustly(spoiled(shares, lying), points, threshold, assumed)
    assert np.array_equal(opened.value, secret)
    assert opened.liars == tuple(lying)


@pytest.mark.parametrize("place", [0, 1023, 1999])
def test_a_lie_in_a_single_element_of_a_long_vector_is_found(place: int) -> None:
    points = consortium(4)
    secret, shares = sharing(points, 2, 2000)
    liar = PartyId("bank-02")
    opened = open_robustly(spoiled(shares, [liar], slice(place, place + 1)), points, 2)
    assert np.array_equal(opened.value, secret)
    assert opened.liars == (liar,)


def conspiracy(points: Points, shares: Shares, secret: Vector, lying: tuple[PartyId, ...]) -> tuple[Shares, PartyId]:
    """Two liars at 3-of-5 move onto another polynomial through two honest shares; the third honest one stands alone."""
    honest = [party for party in points if party not in lying]
    other = {0: field.add(secret, np.ones_like(secret))} | {points[party]: shares[party] for party in honest[:2]}
    return shares | {liar: shamir.evaluate(other, points[liar]) for liar in lying}, honest[2]


@pytest.mark.parametrize("size", [1, 3, 50])
def test_at_3_of_5_two_conspirators_blame_nobody_and_forge_nothing(size: int) -> None:
    points = consortium(5)
    for lying in combinations(points, 2):
        secret, shares = sharing(points, 3, size)
        forged, scapegoat = conspiracy(points, shares, secret, lying)
        with pytest.raises(Cheated) as caught:
            open_robustly(forged, points, 3, 2)
        assert caught.value.culprits == ()
        assert set(caught.value.suspects) == set(points)
        # what would happen if one liar were assumed: the honest one blamed, the wrong value out
        naive = open_robustly(forged, points, 3, 1)
        assert naive.liars == (scapegoat,)
        assert not np.array_equal(naive.value, secret)


@settings(max_examples=40)
@given(st.data())
def test_with_fewer_replies_wrong_ones_are_detected_and_nobody_named(data: st.DataObject) -> None:
    threshold = data.draw(st.integers(2, 5))
    assumed = data.draw(st.integers(1, threshold - 1))
    replies = data.draw(st.integers(threshold + 1, threshold + 2 * assumed - 1))
    points = consortium(replies)
    _, shares = sharing(points, threshold)
    count = data.draw(st.integers(1, min(replies - threshold, assumed)))
    lying = data.draw(st.permutations(list(points)))[:count]
    with pytest.raises(Cheated) as caught:
        open_robustly(spoiled(shares, lying), points, threshold, assumed)
    assert caught.value.culprits == ()
    assert set(caught.value.suspects) == set(points)


def test_more_liars_than_assumed_give_no_value() -> None:
    points = consortium(7)
    _, shares = sharing(points, 3)
    for lying in ([0, 1, 2], [3, 4, 5], [0, 2, 4, 6]):
        with pytest.raises(Cheated) as caught:
            open_robustly(spoiled(shares, [list(points)[i] for i in lying]), points, 3, 2)
        assert caught.value.culprits == ()


def test_liars_who_lie_in_different_elements_count_together() -> None:
    points = consortium(4)
    _, shares = sharing(points, 2, 3)
    first, second = list(points)[:2]
    both = spoiled(spoiled(shares, [first], slice(0, 1)), [second], slice(2, 3))
    with pytest.raises(Cheated):
        open_robustly(both, points, 2, 1)


def test_exactly_k_replies_open_unverified() -> None:
    points = consortium(5)
    secret, shares = sharing(points, 3)
    for chosen in combinations(points, 3):
        for assumed in (None, 0):
            opened = open_robustly({party: shares[party] for party in chosen}, points, 3, assumed)
            assert np.array_equal(opened.value, secret)
            assert (opened.verified, opened.liars) == (False, ())


@pytest.mark.parametrize(
    ("replies", "assumed", "verified"), [(5, 2, True), (4, 2, False), (4, 1, True), (4, 0, True), (3, 0, False)]
)
def test_verified_means_that_the_assumed_liars_could_not_have_forged_it(
    replies: int, assumed: int, verified: bool
) -> None:
    points = consortium(5)
    _, shares = sharing(points, 3)
    opened = open_robustly(dict(list(shares.items())[:replies]), points, 3, assumed)
    assert opened.verified is verified


def test_fewer_than_k_replies_are_refused() -> None:
    points = consortium(5)
    _, shares = sharing(points, 3)
    for count in (0, 1, 2):
        with pytest.raises(Unreachable):
            open_robustly(dict(list(shares.items())[:count]), points, 3)


def test_strangers_bad_points_odd_lengths_and_negative_bounds_are_refused() -> None:
    points = consortium(4)
    _, shares = sharing(points, 2)
    first = PartyId("bank-00")
    with pytest.raises(Invalid):
        open_robustly(shares | {PartyId("stranger"): shares[first]}, points, 2)
    for point in (0, P, points[PartyId("bank-01")]):
        with pytest.raises(Invalid):
            open_robustly(shares, points | {first: point}, 2)
    with pytest.raises(Malformed) as caught:
        open_robustly(shares | {first: shares[first][:-1]}, points, 2)
    assert set(caught.value.suspects) == set(points)
    with pytest.raises(Invalid):
        open_robustly(shares, points, 2, -1)
    with pytest.raises(Invalid):
        open_robustly(shares, points, 1)


def test_an_opened_value_is_not_printed() -> None:
    points = consortium(3)
    _, shares = sharing(points, 2)
    assert repr(open_robustly(shares, points, 2)) == "Opened(verified=True, liars=())"


def test_consistency_includes_the_anchor_and_needs_enough_values() -> None:
    points = consortium(4)
    secret, shares = sharing(points, 3)
    values = {points[party]: share for party, share in shares.items()}
    assert consistent({0: secret} | values, 3)
    assert not consistent({0: field.add(secret, np.ones_like(secret))} | values, 3)
    assert not consistent(values, 2)
    for too_few in ({}, {3: secret}, dict(list(values.items())[:2])):
        with pytest.raises(Invalid):
            consistent(too_few, 3)
    with pytest.raises(Invalid):
        consistent({}, 0)


def test_deviants_are_named_only_when_it_can_be_told() -> None:
    points = consortium(6)
    _, shares = sharing(points, 2)
    values = {points[party]: share for party, share in spoiled(shares, [PartyId("bank-03")]).items()}
    assert deviants(values, 2, 1) == (24,)
    assert deviants(values, 2, 2) == (24,)
    assert deviants(values, 2, 3) is None
    assert deviants(values, 2, 0) is None
    assert deviants({points[party]: share for party, share in shares.items()}, 2, 9) == ()


@settings(max_examples=60)
@given(st.data())
def test_decoding_finds_the_wrong_points_or_says_it_cannot(data: st.DataObject) -> None:
    threshold = data.draw(st.integers(1, 6))
    xs = data.draw(st.lists(st.integers(0, 2**32), min_size=threshold, max_size=14, unique=True))
    coefficients = data.draw(st.lists(st.integers(0, P - 1), min_size=threshold, max_size=threshold))
    word = {x: sum(c * pow(x, i, P) for i, c in enumerate(coefficients)) % P for x in xs}
    wrong = set(data.draw(st.permutations(xs))[: data.draw(st.integers(0, (len(xs) - threshold) // 2))])
    for x in wrong:
        word[x] = (word[x] + data.draw(st.integers(1, P - 1))) % P
    assert wrong_points(word, threshold) == wrong


def test_decoding_agrees_with_a_search_of_all_subsets() -> None:
    """Every word of five values in a tiny range, k = 2: a line through four or more points, or nothing."""
    for code in range(4**5):
        word = {x: code // 4 ** (x - 1) % 4 for x in range(1, 6)}
        found = [
            {x for x in word if (word[x] - word[a]) * (b - a) % P != (word[b] - word[a]) * (x - a) % P}
            for a, b in combinations(word, 2)
        ]
        best = min(found, key=len)
        assert wrong_points(word, 2) == (best if len(best) <= 1 else None)


def test_decoding_refuses_too_few_and_equal_points() -> None:
    for word in ({}, {1: 1}, {1: 1, P + 1: 1, 2: 5}):
        with pytest.raises(Invalid):
            wrong_points(word, 2)
