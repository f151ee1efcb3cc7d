from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steelyard.digest import digest, frame

parts = st.lists(st.binary(max_size=12), max_size=4)


@given(parts, parts)
def test_different_lists_of_parts_never_share_an_encoding(one: list[bytes], other: list[bytes]) -> None:
    assert (frame("x", *one) == frame("x", *other)) == (one == other)
    assert (digest("x", *one) == digest("x", *other)) == (one == other)


def test_moving_a_boundary_changes_the_digest() -> None:
    assert len({digest("x", b"ab", b"c"), digest("x", b"a", b"bc"), digest("x", b"abc"), digest("x", b"abc", b"")}) == 4


def test_domains_are_separate() -> None:
    assert digest("request", b"same") != digest("approval", b"same")


@given(parts)
def test_the_digest_is_sha_256_of_the_frame(pieces: list[bytes]) -> None:
    assert digest("x", *pieces) == hashlib.sha256(frame("x", *pieces)).digest()


def test_vectors_are_hashed_by_their_bytes() -> None:
    vector = np.arange(5, dtype=np.uint64)
    assert digest("x", vector.data) == digest("x", vector.tobytes())
    assert frame("x", vector.data) == frame("x", vector.tobytes())
