"""Blocks that firms without a node deal: where they lie, and what shares of them say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from steelyard.ckks import dealt
from steelyard.ckks.circuit import Circuit, Plain
from steelyard.ckks.encoding import decode, encode
from steelyard.ckks.layout import Layout
from steelyard.ckks.profiles import PROFILES, Profile, S, T
from steelyard.ckks.scores import FEATURES
from steelyard.errors import Cheated, Invalid, Malformed
from steelyard.functions.answered import MAX_BLOCK, Carried, agreed, numbers, read_numbers
from steelyard.functions.score import Score, Scores
from steelyard.ids import PartyId
from steelyard.randomness import Keystream, SystemRandomness

A, B, C = (PartyId(f"bank-{letter}") for letter in "abc")
X, Y = PartyId("firm-x"), PartyId("firm-y")
POINTS = {A: 5, B: 1, C: 4_000_000_007 % (1 << 32)}
COUNT = 5  # statements of a firm's block


def circuit(profile: Profile = S, groups: tuple[int, ...] = (1,), **rows: int) -> Circuit:
    owners = {A: rows.get("a", 0), B: rows.get("b", 0)}
    layout = Layout({**owners, X: COUNT}, 1 if profile.weighted else 2, profile.slots, (Y, X), COUNT)
    return Circuit(profile, layout, groups, identity=True, stand_ins=(A, C))


def block(made: Circuit, seed: int = 0) -> Plain:
    stream, width = Keystream(bytes([seed]) * 32), COUNT * made.layout.width
    above = [[drawn(stream, width) * 9 for _ in range(count)] for count in made.groups]
    below = [0.75 + drawn(stream, width) / 4 for _ in made.groups]
    return Plain(above, below, drawn(stream, 3 * COUNT).reshape(3, COUNT))


def drawn(stream: Keystream, count: int) -> NDArray[np.float64]:
    """From -1 to 1."""
    return np.frombuffer(stream.bytes(4 * count), dtype="<i4") / 2.0**31


@given(
    st.integers(1, 40),
    st.integers(1, 6),
    st.integers(1, 4),
    st.lists(st.integers(0, 30), min_size=2, max_size=4),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_every_slot_is_one_owner_s_or_nobody_s_and_no_firm_s_block_is_in_two_batches(
    firms: int, reserved: int, width: int, counts: list[int], data: st.DataObject
) -> None:
    called = tuple(PartyId(f"firm-{i}") for i in range(firms))
    answered = data.draw(st.sets(st.sampled_from(called)))
    owners = {PartyId(f"bank-{i}"): count for i, count in enumerate(counts)}
    layout = Layout({**owners, **dict.fromkeys(sorted(answered), reserved)}, width, 64, called, reserved)
    taken = layout.spare().reshape(-1)
    for party, count in layout.blocks.items():
        placed = layout.placed(party, np.ones(count * width)).reshape(-1)
        assert placed.sum() == count * width
        taken = taken + placed
        batches = [row for row in layout.placed(party, np.ones(count * width)) if row.any()]
        assert party not in called or len(batches) == 1
        assert layout.taken(party, layout.placed(party, np.arange(1.0, 1 + count * width))).size == count * width
    assert (taken == 1).all()


def test_a_firm_s_place_does_not_depend_on_what_others_bring() -> None:
    alone, beside = circuit(), circuit(a=900, b=31)
    assert alone.layout.start(X) == beside.layout.start(X)
    rings = [[made.rings[at] for at in made.places(X)] for made in (alone, beside)]
    assert rings[0] == rings[1]


def test_circuits_without_such_firms_are_what_they_were() -> None:
    made = Circuit(T, Layout({A: 7, B: 0, C: 5}, 3, T.slots), (1,), identity=True)
    assert made.digest.hex() == "310800587ae43e71d3df0f5174664bba0ad452999feeb46bb954ceb48e814c66"
    assert made.holders == (A, C)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_parts_of_the_stand_ins_add_up_to_the_block_in_its_place(profile: Profile) -> None:
    made = circuit(profile, (2, 1) if profile.weighted else (1,), a=3)
    plain = block(made)
    shares = dealt.deal(made, X, plain, POINTS, 2, SystemRandomness())
    points = {party: POINTS[party] for party in made.stand_ins}
    parts = [dealt.part(made, X, shares[party], points, party) for party in points]
    slots = made.slots(X, plain)
    for at in made.places(X):
        ring = made.rings[at]
        assert (ring.total([each[at] for each in parts]) == encode(ring, slots[at], profile.scale)).all()
    empty = [at for at in range(len(made.rings)) if at not in made.places(X)]
    assert all(not slots[at].any() for at in empty)


def test_any_k_nodes_can_stand_in_and_fewer_give_something_else() -> None:
    made, stream = circuit(), SystemRandomness()
    shares = dealt.deal(made, X, block(made), POINTS, 2, stream)
    at, ring = made.places(X)[0], made.rings[made.places(X)[0]]
    expected = encode(ring, made.slots(X, block(made))[at], made.profile.scale)
    for chosen in ((A, B), (B, C), (A, C)):
        points = {party: POINTS[party] for party in chosen}
        parts = [dealt.part(made, X, shares[party], points, party)[at] for party in chosen]
        assert (ring.total(parts) == expected).all()
        assert all((part != expected).any() for part in parts)


def test_k_minus_one_shares_say_nothing_of_the_block() -> None:
    """Whatever the block, there is a polynomial, as likely as any other, that gives the same shares."""
    made = circuit()
    one, other = (dealt.deal(made, X, block(made, seed), POINTS, 3, Keystream(bytes(32))) for seed in (1, 2))
    start = 0
    for at in made.places(X):
        ring = made.rings[at]
        secrets = [encode(ring, made.slots(X, block(made, seed))[at], made.profile.scale) for seed in (1, 2)]
        moved = ring.subtract(*secrets)
        size = moved.size
        for party in POINTS:  # the mask is of the stream alone, the block is added to it
            differs = ring.subtract(*(each[party][start : start + size].reshape(ring.shape) for each in (one, other)))
            assert (differs == moved).all()
        start += size
    assert start == dealt.size(made, X)


def test_residues_of_a_share_are_uniform() -> None:
    made = circuit()
    share = dealt.deal(made, X, block(made), POINTS, 2, SystemRandomness())[A]
    ring = made.rings[made.places(X)[0]]
    row = share[: ring.degree].astype(np.float64) / ring.primes[0]
    counts, _ = np.histogram(row, bins=16, range=(0, 1))
    assert ((counts - row.size / 16) ** 2 / (row.size / 16)).sum() < 60  # chi-square of 15 degrees: 1e-6


def test_a_share_of_another_size_is_refused_and_one_out_of_range_is_a_share_of_something() -> None:
    made = circuit()
    share = dealt.deal(made, X, block(made), POINTS, 2, SystemRandomness())[A]
    points = {A: POINTS[A], C: POINTS[C]}
    with pytest.raises(Malformed, match="size"):
        dealt.part(made, X, share[:-1], points, A)
    wild = np.full_like(share, (1 << 61) - 2)
    for at, part in dealt.part(made, X, wild, points, A).items():
        made.rings[at].read(made.rings[at].write(part))  # residues below their primes


def test_figures_that_have_no_room_are_not_dealt() -> None:
    made = circuit()
    plain = replace(block(made), denominators=[np.full(COUNT * 2, 1e30)])
    with pytest.raises(Invalid, match="no room"):
        dealt.deal(made, X, plain, POINTS, 2, SystemRandomness())


def test_stand_ins_that_carry_different_notes_are_suspects() -> None:
    same = {A: Carried(b"", {X: b"one"}), C: Carried(b"mine", {X: b"one"})}
    assert agreed(same, [X]) == {X: b"one"}
    for odd, firms in (
        (Carried(b"", {X: b"two"}), {X}),
        (Carried(b"", {}), set()),
        (Carried(b"", {X: b"one", Y: b""}), set()),
    ):
        with pytest.raises(Cheated) as caught:
            agreed({**same, C: odd}, [X])
        assert set(caught.value.suspects) == {A, C, *firms}  # a firm may have dealt different notes


def test_nodes_take_the_largest_answer_that_a_firm_may_be_asked_for() -> None:
    asked = Scores(features=tuple(FEATURES), weights={}, subjects=(X,), called=(X,))
    assert dealt.size(Score("score", asked).circuit({X: 1}), X) <= MAX_BLOCK


@given(st.binary(max_size=300))
def test_a_note_travels_as_numbers(note: bytes) -> None:
    assert read_numbers(numbers(note)) == note
    assert numbers(note).max(initial=0) < 1 << 61


def test_the_parts_that_decode_are_the_figures() -> None:
    made = circuit()
    plain = block(made)
    shares = dealt.deal(made, X, plain, POINTS, 2, SystemRandomness())
    points = {party: POINTS[party] for party in (A, C)}
    at = made.places(X)[0]
    whole = made.rings[at].total([dealt.part(made, X, shares[p], points, p)[at] for p in points])
    start = made.layout.start(X)
    found = decode(made.rings[at], whole, made.profile.scale)[start : start + COUNT * 2]
    assert np.allclose(found, plain.numerators[0][0], atol=1e-6)
