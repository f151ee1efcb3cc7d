"""A notice opens for its reader alone, in its own computation, and only as its node wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from protocols.consortium import Consortium

from steelyard.documents.signed import Signed
from steelyard.errors import Cheated, Malformed, NotFound
from steelyard.functions.notices import SealedNotice, addressed, open_notices, seal_notices
from steelyard.identity.keys import public_hex
from steelyard.ids import PartyId

CONSORTIUM = Consortium(3, 2)
KEYS = {PartyId(name): X25519PrivateKey.generate() for name in ("firm-a", "firm-b")}
REQUEST = Signed(kind="request", payload=b"{}", signer="analyst", signature=b"")


def bundles(**changes: Any) -> dict[str, bytes]:
    """By node."""
    texts = {reader: f"for {reader}".encode() for reader in KEYS}
    public = {reader: bytes.fromhex(public_hex(key)) for reader, key in KEYS.items()}
    attempts = (CONSORTIUM.attempt(party) for party in CONSORTIUM.parties)
    return {
        each.me: seal_notices(replace(each, request=REQUEST.digest.hex(), **changes), public, texts)
        for each in attempts
    }


def opened(
    notices: list[SealedNotice], reader: str = "firm-a", key: str = "firm-a", computation: str = ""
) -> tuple[dict[PartyId, bytes], tuple[PartyId, ...]]:
    attempt = CONSORTIUM.attempt(CONSORTIUM.parties[0])
    found, bad = open_notices(
        REQUEST, computation or attempt.computation, reader, KEYS[PartyId(key)], attempt.keys, notices
    )
    return dict(found), bad


def to(reader: str, **changes: Any) -> list[SealedNotice]:
    return [addressed(each)[reader] for each in bundles(**changes).values()]


def test_a_reader_opens_what_every_node_told_it() -> None:
    found, bad = opened(to("firm-a"))
    assert found == dict.fromkeys(CONSORTIUM.parties, b"for firm-a")
    assert bad == ()


@pytest.mark.parametrize(
    ("reader", "key", "computation"),
    [("firm-b", "firm-b", ""), ("firm-a", "firm-b", ""), ("firm-a", "firm-a", "9" * 32)],
)
def test_nobody_else_opens_it_and_it_says_nothing_of_another_computation(
    reader: str, key: str, computation: str
) -> None:
    with pytest.raises(Cheated):
        opened(to("firm-a"), reader, key, computation)


def test_what_the_requester_forges_is_set_aside_and_the_rest_counts() -> None:
    first, *rest = to("firm-a")
    forged = SealedNotice(first.note, first.ciphertext[:-1] + bytes([first.ciphertext[-1] ^ 1]))
    found, bad = opened([forged, *rest])
    assert set(found) == set(CONSORTIUM.parties[1:])
    assert bad == (CONSORTIUM.parties[0],)


def test_notices_of_two_attempts_are_not_mixed() -> None:
    earlier, now = to("firm-a", attempt="01" * 16), to("firm-a")
    found, _ = opened([earlier[0], *now[1:]])
    assert set(found) == set(CONSORTIUM.parties[1:])


def test_who_was_not_there_is_told_so() -> None:
    with pytest.raises(NotFound):
        opened([])


def test_an_attachment_that_is_no_bundle_is_refused() -> None:
    for each in (b"", b"x", msgspec.msgpack.encode({"firm-a": 1}), msgspec.msgpack.encode({"NO NAME": b""})):
        with pytest.raises(Malformed):
            addressed(each)
