"""Messages between a node and its worker: a list of byte strings, each behind its length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Final

from steelyard.errors import Failed

MAX_PART: Final = 1 << 28
MAX_PARTS: Final = 1 << 12
_LENGTH: Final = 8


def write(stream: IO[bytes], parts: Sequence[bytes]) -> None:
    stream.write(len(parts).to_bytes(_LENGTH, "little"))
    for part in parts:
        stream.write(len(part).to_bytes(_LENGTH, "little"))
        stream.write(part)
    stream.flush()


def read(stream: IO[bytes]) -> list[bytes] | None:
    """None at the end; raises Failed for what is cut off or too long."""
    first = stream.read(_LENGTH)
    if not first:
        return None
    count = int.from_bytes(first, "little")
    if count > MAX_PARTS:
        raise Failed("a message of a worker with too many parts")
    return [_part(stream) for _ in range(count)]


def _part(stream: IO[bytes]) -> bytes:
    length = int.from_bytes(stream.read(_LENGTH), "little")
    data = stream.read(length) if length <= MAX_PART else b""
    if len(data) != length:
        raise Failed("a message of a worker that is cut off or too long")
    return data
