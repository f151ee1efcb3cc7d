"""Frames: pieces of messages as they travel between nodes, and back; what no honest peer writes is refused here.

A message of a peer stream is protobuf of one field, `frames` (protos/steelyard/v1/peer.proto), written and read by
hand: thousands of small rounds are not worth several objects and five copies each.  There is one way to write a frame:

    attempt 16, branch 4, round 4, length 8, offset 8, bytes of the body 4, bytes of the step 1, kind 1, step, body

with numbers little-endian.  A frame of the kind ABORT has the attempt, and an Abort for a body.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError
from msgspec import Struct

from steelyard.errors import Failed, Invalid, Malformed
from steelyard.v1.peer_pb2 import Abort

FRAME_BYTES: Final = 1 << 20  # of a body, at most
MESSAGE_BYTES: Final = 4 << 20  # of the frames of one message, at most
STEP_BYTES: Final = 255
PIECE: Final = 0
ABORT: Final = 1
ATTEMPT: Final = 16  # bytes
_HEAD: Final = struct.Struct("<16sIIQQIBB")
_TAG: Final = 0x12  # field 2, a length and so many bytes
_FORMER_TAG: Final = 0x0A  # field 1: frames were messages themselves
_UNSET: Final = (0, 0, 0, 0)


class Frame(Struct, frozen=True, gc=False):
    """A piece of one message of one round; or, if `abort` is set, the end of an attempt."""

    attempt: bytes
    branch: int = 0  # of the protocol; 0 unless pipelined
    round: int = 0  # within the branch, from 0
    step: str = ""  # the round's name; it must be the one the receiver expects
    length: int = 0  # of the whole message in bytes
    offset: int = 0  # where this piece begins
    body: bytes | memoryview = b""
    abort: Abort | None = None

    def __repr__(self) -> str:
        return f"<frame of {self.step or 'an end'}, {len(self.body)} bytes>"

    @property
    def bytes(self) -> int:
        """About as many as it takes on the wire."""
        return _HEAD.size + len(self.step) + len(self.body)


def encode(frames: Iterable[Frame]) -> bytes:
    """One message of a stream.  Raises Invalid for what `decode` would refuse."""
    parts: list[bytes | memoryview] = [b""]
    for frame in frames:
        parts += _parts(frame)
    size = sum(map(len, parts))
    if size > MESSAGE_BYTES:
        raise Invalid("these frames are too many for one message")
    parts[0] = bytes((_TAG,)) + _varint(size)
    return b"".join(parts)


def decode(message: bytes) -> list[Frame]:
    """The frames of one message of a stream; their bodies are views.  None of an empty one.

    Raises Malformed unless these bytes are what `encode` makes of them; Failed where a peer is of another release.
    """
    if not message:
        return []
    if message[0] == _FORMER_TAG:
        raise Failed("the peer's node is of an earlier release: all nodes of a consortium run the same one")
    at, frames = _contents(message), []
    view, end = memoryview(message), len(message)
    if end - at > MESSAGE_BYTES:
        raise Malformed("a message of a peer stream is too long")
    while at < end:
        frame, at = _next(view, at, end)
        frames.append(frame)
    return frames


def _parts(frame: Frame) -> tuple[bytes, bytes, bytes | memoryview]:
    step = frame.step.encode()
    kind, body = (PIECE, frame.body) if frame.abort is None else (ABORT, frame.abort.SerializeToString())
    if len(step) > STEP_BYTES or len(body) > FRAME_BYTES or len(frame.attempt) != ATTEMPT:
        raise Invalid("a frame has an attempt of 16 bytes, a step's name, and at most a mebibyte")
    numbers = frame.branch, frame.round, frame.length, frame.offset
    return _HEAD.pack(frame.attempt, *numbers, len(body), len(step), kind), step, body


def _next(view: memoryview, at: int, end: int) -> tuple[Frame, int]:
    """The frame that begins here, and where the next one does."""
    start = at + _HEAD.size
    if start > end:
        raise Malformed("a frame ends in its head")
    attempt, branch, round_, length, offset, body, step, kind = _HEAD.unpack_from(view, at)
    middle = start + step
    after = middle + body
    if after > end or body > FRAME_BYTES:
        raise Malformed("a frame ends in its body, or is too long")
    if kind == PIECE:
        name = _text(view[start:middle])
        return Frame(attempt, branch, round_, name, length, offset, view[middle:after]), after
    if kind != ABORT or step or (branch, round_, length, offset) != _UNSET:
        raise Malformed("a frame is of no kind that there is")
    return Frame(attempt, abort=_abort(view[middle:after])), after


def _text(name: memoryview) -> str:
    try:
        return str(name, "utf-8")
    except UnicodeDecodeError:
        raise Malformed("the name of a step is no text") from None


def _abort(body: memoryview) -> Abort:
    try:
        return Abort.FromString(bytes(body))
    except DecodeError:
        raise Malformed("a frame says in no words why an attempt ends") from None


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _contents(message: bytes) -> int:
    """Where the frames begin; they must reach to the end, and their length be written in the one shortest way."""
    digits = next((at for at in range(1, min(len(message), 6)) if message[at] < 0x80), 0) + 1
    start = len(message[:digits])
    if message[0] != _TAG or start < 2 or message[1:start] != _varint(len(message) - start):
        raise Malformed("a message of a peer stream holds something else than frames")
    return start
