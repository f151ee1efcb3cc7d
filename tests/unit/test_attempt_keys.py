from __future__ import annotations

import copy

import pytest

from steelyard.errors import Conflict, Invalid, Malformed
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.randomness import token
from steelyard.sharing.attempt_keys import AttemptKeys

A, B, C = PartyId("bank-a"), PartyId("bank-b"), PartyId("bank-c")
MANIFEST, COMPUTATION, ATTEMPT = b"m" * 32, ComputationId("0" * 32), AttemptId("1" * 32)


def keys(
    me: PartyId,
    manifest: bytes = MANIFEST,
    computation: ComputationId = COMPUTATION,
    attempt: AttemptId = ATTEMPT,
) -> AttemptKeys:
    return AttemptKeys(me, manifest, computation, attempt)


def meet(one: AttemptKeys, other: AttemptKeys, first: PartyId = A, second: PartyId = B) -> None:
    one.agree(second, other.public, other.nonce)
    other.agree(first, one.public, one.nonce)


def test_both_ends_derive_the_same_key() -> None:
    a, b = keys(A), keys(B)
    meet(a, b)
    for dealer, receiver in ((A, B), (B, A)):
        key = a.stream_key("product/0", dealer, receiver)
        assert key == b.stream_key("product/0", dealer, receiver)
        assert len(key) == 32


def test_path_direction_and_peer_each_change_the_key() -> None:
    a, b, c = keys(A), keys(B), keys(C)
    meet(a, b)
    meet(a, c, A, C)
    derived = [
        a.stream_key("product/0", A, B),
        a.stream_key("product/1", A, B),
        a.stream_key("product/0", B, A),
        a.stream_key("product/0", A, C),
    ]
    assert len(set(derived)) == 4


@pytest.mark.parametrize(
    "context",
    [{"manifest": b"n" * 32}, {"computation": ComputationId("2" * 32)}, {"attempt": AttemptId("3" * 32)}],
)
def test_parties_in_different_contexts_do_not_agree(context: dict[str, str]) -> None:
    a, b = keys(A), keys(B, **context)  # type: ignore[arg-type]
    meet(a, b)
    assert a.stream_key("sum", A, B) != b.stream_key("sum", A, B)


def test_a_changed_nonce_changes_the_key() -> None:
    a, b = keys(A), keys(B)
    a.agree(B, b.public, b.nonce)
    b.agree(A, a.public, token(16))
    assert a.stream_key("sum", A, B) != b.stream_key("sum", A, B)


def test_every_attempt_has_new_keys() -> None:
    made = [keys(A) for _ in range(4)]
    assert len({each.public for each in made}) == len({each.nonce for each in made}) == 4
    assert all(len(each.public) == 32 and len(each.nonce) == 16 for each in made)


def test_a_stream_is_handed_out_once() -> None:
    a, b = keys(A), keys(B)
    meet(a, b)
    a.stream_key("sum", A, B)
    with pytest.raises(Conflict):
        a.stream_key("sum", A, B)


def test_streams_of_others_and_of_strangers_are_refused() -> None:
    a, b = keys(A), keys(B)
    meet(a, b)
    for dealer, receiver in ((B, C), (A, A), (A, C)):
        with pytest.raises(Invalid):
            a.stream_key("sum", dealer, receiver)


@pytest.mark.parametrize("small", [bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_a_key_of_small_order_is_refused_and_its_sender_named(small: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        keys(A).agree(B, small, token(16))
    assert refusal.value.culprits == (B,)


def test_an_all_zero_result_is_refused_even_if_the_library_lets_it_through(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lax:
        def exchange(self, peer: object) -> bytes:
            return bytes(32)

    a, b = keys(A), keys(B)
    monkeypatch.setattr(a, "_private", Lax())
    with pytest.raises(Malformed):
        a.agree(B, b.public, b.nonce)


def test_wrong_lengths_and_reflected_keys_are_refused() -> None:
    a, b = keys(A), keys(B)
    for public, nonce in (
        (b.public[:31], b.nonce),
        (b.public + b"\0", b.nonce),
        (b.public, b.nonce[:15]),
        (b.public, b""),
        (a.public, b.nonce),
        (b.public, a.nonce),
    ):
        with pytest.raises(Malformed):
            a.agree(B, public, nonce)
    a.agree(B, b.public, b.nonce)


def test_nobody_agrees_twice_or_with_oneself() -> None:
    a, b = keys(A), keys(B)
    meet(a, b)
    with pytest.raises(Conflict):
        a.agree(B, keys(B).public, token(16))
    with pytest.raises(Invalid):
        a.agree(A, b.public, b.nonce)


def test_after_erasure_nothing_can_be_derived() -> None:
    a, b = keys(A), keys(B)
    meet(a, b)
    shared = a._shared[B]
    a.erase()
    assert shared == bytes(32)
    with pytest.raises(Conflict):
        a.stream_key("sum", A, B)
    with pytest.raises(Conflict):
        a.agree(C, b.public, b.nonce)
    a.erase()


def test_keys_are_neither_printed_nor_serialised() -> None:
    a, b = keys(A), keys(B)
    meet(a, b)
    assert repr(a) == "<keys of bank-a for one attempt>"
    with pytest.raises(Invalid):
        copy.copy(a)  # goes the way pickle goes
