"""Sealing: only the holder of the key opens, only under the same context, and a failure explains nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steelyard.errors import Invalid, Malformed
from steelyard.identity.keys import create_sealing_key, public_hex
from steelyard.identity.sealing import MAX_PLAINTEXT, OVERHEAD, seal, unseal

KEY = create_sealing_key()
PUBLIC = public_hex(KEY)


@given(plaintext=st.binary(max_size=300), context=st.binary(max_size=100))
def test_what_is_sealed_opens_and_is_no_longer_than_stated(plaintext: bytes, context: bytes) -> None:
    sealed = seal(PUBLIC, plaintext, context)
    assert len(sealed) == len(plaintext) + OVERHEAD
    assert unseal(KEY, sealed, context) == plaintext


def test_a_raw_public_key_seals_like_its_hexadecimal_form() -> None:
    assert unseal(KEY, seal(bytes.fromhex(PUBLIC), b"share", b"c"), b"c") == b"share"


def test_sealing_twice_gives_different_bytes() -> None:
    assert seal(PUBLIC, b"share", b"c") != seal(PUBLIC, b"share", b"c")


def _failure(ciphertext: bytes, context: bytes = b"c", key: object = None) -> str:
    with pytest.raises(Malformed) as failure:
        unseal(create_sealing_key() if key == "other" else KEY, ciphertext, context)
    assert failure.value.__cause__ is None
    return failure.value.message


def test_every_failure_reads_the_same() -> None:
    sealed = seal(PUBLIC, b"share", b"c")
    failures = {
        _failure(sealed, b"another computation"),
        _failure(sealed, key="other"),
        _failure(b""),
        _failure(sealed[: OVERHEAD - 1]),
        _failure(sealed[:-1]),
        _failure(sealed + b"\0"),
        _failure(bytes(len(sealed))),  # an encapsulated key of small order
    }
    assert len(failures) == 1


@given(position=st.integers(min_value=0, max_value=OVERHEAD + 4), bit=st.integers(min_value=0, max_value=7))
@example(position=31, bit=7)  # X25519 itself ignores this bit
def test_no_bit_can_be_changed(position: int, bit: int) -> None:
    sealed = bytearray(seal(PUBLIC, b"share", b"c"))
    sealed[position] ^= 1 << bit
    _failure(bytes(sealed))


@pytest.mark.parametrize("public", ["", "00" * 31, "zz" * 32, "00" * 32, b"", bytes(32)])
def test_nothing_is_sealed_to_a_key_that_is_none(public: str | bytes) -> None:
    with pytest.raises(Invalid):
        seal(public, b"share", b"c")


def test_more_than_the_limit_is_not_sealed() -> None:
    with pytest.raises(Invalid):
        seal(PUBLIC, bytes(MAX_PLAINTEXT + 1), b"c")
