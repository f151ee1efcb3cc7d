"""Frames on the wire: there is one way to write them, and everything else is refused."""

from __future__ import annotations

import string

import pytest
from google.protobuf.message import Message
from hypothesis import assume, given
from hypothesis import strategies as st

from steelyard.errors import Failed, Invalid, Malformed
from steelyard.rpc import frames as module
from steelyard.rpc.frames import FRAME_BYTES, MESSAGE_BYTES, STEP_BYTES, Frame, decode, encode
from steelyard.v1 import peer_pb2
from steelyard.v1.peer_pb2 import Abort

ATTEMPTS = st.binary(min_size=16, max_size=16)
WORDS, LONGS = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
PIECES = st.builds(
    Frame,
    ATTEMPTS,
    WORDS,
    WORDS,
    st.text(string.ascii_letters + "-äß", max_size=STEP_BYTES // 2),
    LONGS,
    LONGS,
    st.binary(max_size=300),
)
NAMES = st.lists(st.text(max_size=5), max_size=3)
ABORTS = st.builds(lambda *said: Abort(reason=said[0], culprits=said[1]), st.text(max_size=9), NAMES)
FRAMES = PIECES | st.builds(lambda attempt, abort: Frame(attempt, abort=abort), ATTEMPTS, ABORTS)
SOME = st.lists(FRAMES, min_size=1, max_size=5)


def whole(frame: Frame) -> tuple[object, ...]:
    numbers = frame.branch, frame.round, frame.step, frame.length, frame.offset
    return frame.attempt, *numbers, bytes(frame.body), frame.abort


@given(SOME)
def test_what_is_written_is_read(written: list[Frame]) -> None:
    assert [whole(each) for each in decode(encode(written))] == [whole(each) for each in written]


@given(SOME)
def test_a_message_is_protobuf_as_the_contract_says(written: list[Frame]) -> None:
    message = encode(written)
    for kind in (peer_pb2.ExchangeRequest, peer_pb2.ExchangeResponse):
        parsed: Message = kind.FromString(message)
        assert parsed.SerializeToString() == message


@given(SOME, st.data())
def test_a_message_that_is_cut_short_is_refused(written: list[Frame], data: st.DataObject) -> None:
    message = encode(written)
    with pytest.raises(Malformed):
        decode(message[: data.draw(st.integers(1, len(message) - 1))])


@given(SOME, st.binary(min_size=1, max_size=60))
def test_a_message_with_something_behind_it_is_refused(written: list[Frame], more: bytes) -> None:
    with pytest.raises(Malformed):
        decode(encode(written) + more)


@given(st.binary(min_size=1, max_size=400))
def test_bytes_that_are_accepted_are_the_only_ones_for_their_frames(junk: bytes) -> None:
    contents = bytes((0x12,)) + module._varint(len(junk)) + junk
    for message in (junk, contents):
        try:
            found = decode(message)
        except (Malformed, Failed):
            continue
        assert encode(found) == message


@given(SOME, st.data())
def test_a_changed_byte_is_another_message_or_none(written: list[Frame], data: st.DataObject) -> None:
    message = bytearray(encode(written))
    at, flip = data.draw(st.integers(0, len(message) - 1)), data.draw(st.integers(1, 255))
    message[at] ^= flip
    try:
        found = decode(bytes(message))
    except (Malformed, Failed):
        return
    assume(all(each.abort is None for each in found))  # protobuf of an end has more than one spelling
    assert encode(found) == message


LONG_ZERO = bytes((0x80, 0x00))
REFUSED = {
    "another field": b"\x1a\x00",
    "another type of field": b"\x10\x00",
    "a length that is written longer than it need be": b"\x12" + LONG_ZERO,
    "a length that does not end": b"\x12" + b"\xff" * 12,
    "a length that is none": b"\x12",
    "a length beyond the message": b"\x12\x05abcd",
    "two fields": b"\x12\x00\x12\x00",
}


@pytest.mark.parametrize("message", REFUSED.values(), ids=REFUSED)
def test_anything_but_one_field_of_frames_is_refused(message: bytes) -> None:
    with pytest.raises(Malformed):
        decode(message)


def forged(attempt: bytes = bytes(16), step: bytes = b"", body: bytes = b"", kind: int = 0, **numbers: int) -> bytes:
    said = [numbers.get(name, 0) for name in ("branch", "round", "length", "offset")]
    contents = module._HEAD.pack(attempt, *said, len(body), len(step), kind) + step + body
    return bytes((0x12,)) + module._varint(len(contents)) + contents


FORGED = {
    "another kind": forged(kind=2),
    "a step that is no text": forged(step=b"\xff"),
    "a body above the bound": forged(body=bytes(FRAME_BYTES + 1)),
    "an end with a step": forged(kind=1, step=b"x"),
    "an end with a round": forged(kind=1, round=1),
    "an end with a length": forged(kind=1, length=1),
    "an end in no words": forged(kind=1, body=b"\xff"),
}


@pytest.mark.parametrize("message", FORGED.values(), ids=FORGED)
def test_a_frame_that_no_honest_peer_writes_is_refused(message: bytes) -> None:
    with pytest.raises(Malformed):
        decode(message)


def test_a_message_above_the_bound_is_refused() -> None:
    one = forged(body=bytes(FRAME_BYTES))[5:]
    contents = one * (MESSAGE_BYTES // FRAME_BYTES)
    with pytest.raises(Malformed, match="too long"):
        decode(bytes((0x12,)) + module._varint(len(contents)) + contents)


WRONG = {
    "a short attempt": Frame(b"short"),
    "a long step": Frame(bytes(16), step="x" * (STEP_BYTES + 1)),
    "a long body": Frame(bytes(16), body=bytes(FRAME_BYTES + 1)),
}


@pytest.mark.parametrize("frame", WRONG.values(), ids=WRONG)
def test_what_would_be_refused_is_not_written(frame: Frame) -> None:
    with pytest.raises(Invalid):
        encode([frame])


def test_an_empty_message_has_no_frames() -> None:
    assert decode(b"") == []


def test_a_peer_of_an_earlier_release_is_told_from_a_cheat() -> None:
    with pytest.raises(Failed, match="earlier release"):
        decode(b"\x0a\x03abc")


def test_a_frame_does_not_show_its_body() -> None:
    assert "secret" not in repr(Frame(bytes(16), step="deal", body=b"secret"))
