"""`Trainer`: anything that turns arrays into arrays, in a process of its own, with a deadline.

    with TrainerProcess(("scikit-learn",), deadline=60) as trainer:
        after = trainer.train({"x": x, "y": y, "weights": weights})

The process is started afresh (never forked), gets bytes over its standard input and answers over its standard output:
a header in MessagePack, then the arrays as raw bytes.  Nothing is pickled.  It has no key and no socket of the node; it
is killed when the deadline passes.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO, Annotated, Any, Final, Self
from typing import Protocol as Interface

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard import records
from steelyard.errors import Failed, Invalid, Malformed, TimedOut

Arrays = Mapping[str, NDArray[Any]]

MAX_BYTES: Final = 1 << 30
_KINDS: Final = ("<f8", "<f4", "<i8", "<i4", "|u1", "|b1")
_PIECE: Final = 1 << 16


class Trainer(Interface):
    """Arrays in, arrays out; what they are called is between the trainer and who calls it."""

    def train(self, arrays: Arrays) -> Arrays: ...


class _Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=100)]
    kind: str
    shape: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0)], ...], msgspec.Meta(max_length=8)]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    arrays: tuple[_Array, ...] = ()
    complaint: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class TrainerProcess:
    """One process; `command` is the trainer's name and what it is told, see `steelyard.learning.adapters`."""

    def __init__(self, command: Sequence[str], deadline: float) -> None:
        self._deadline = deadline
        arguments = [sys.executable, "-m", "steelyard.learning.adapters", *command]
        environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def train(self, arrays: Arrays) -> dict[str, NDArray[Any]]:
        """Raises TimedOut after the deadline, Failed when the process ends, Invalid with what the trainer says."""
        try:
            answer = self._exchanged(packed(arrays))
        except (TimedOut, Failed):
            self.close()
            raise
        return unpacked(answer)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def _exchanged(self, message: bytes) -> bytes:
        """Writes and reads side by side, so that full pipes do not hold each other up."""
        out, into = self._process.stdin, self._process.stdout
        if out is None or into is None or out.closed:
            raise Failed("the trainer has ended")
        end, rest, answer = time.monotonic() + self._deadline, memoryview(message), bytearray()
        os.set_blocking(out.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(into, selectors.EVENT_READ)
            selector.register(out, selectors.EVENT_WRITE)
            while not _complete(answer):
                ready = selector.select(max(end - time.monotonic(), 0))
                if not ready:
                    raise TimedOut(f"the trainer did not answer in {self._deadline:g} s")
                for key, _ in ready:
                    if key.fileobj is into:
                        _read_on(into, answer)
                    elif rest := _written(out, rest):
                        continue
                    else:
                        selector.unregister(out)
        return bytes(answer)


def packed(arrays: Arrays, complaint: str = "") -> bytes:
    """Length of all in 8 bytes, length of the header in 4, header, arrays."""
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    for name, array in plain.items():
        if array.dtype.str not in _KINDS:
            raise Invalid(f"the array {name} is of a kind that does not travel")
    described = tuple(_Array(name, array.dtype.str, array.shape) for name, array in plain.items())
    header = msgspec.msgpack.encode(_Header(described, complaint))
    body = b"".join([len(header).to_bytes(4, "little"), header, *(array.tobytes() for array in plain.values())])
    if len(body) > MAX_BYTES:
        raise Invalid("more than 1 GiB for a trainer")
    return len(body).to_bytes(8, "little") + body


def unpacked(message: bytes) -> dict[str, NDArray[Any]]:
    """The arrays.  Raises Invalid with the trainer's complaint, Malformed for bytes that are no message."""
    front = 12 + int.from_bytes(message[8:12], "little")
    try:
        header = records.from_msgpack(message[12:front], _Header)
    except records.DecodeError:
        raise Malformed("the trainer sent bytes that are no arrays") from None
    if header.complaint:
        raise Invalid(f"the trainer says: {header.complaint}")
    found, at = {}, front
    for each in header.arrays:
        if each.kind not in _KINDS:
            raise Malformed("the trainer sent an array of a kind that does not travel")
        size = int(np.dtype(each.kind).itemsize * np.prod(each.shape, dtype=object))
        if at + size > len(message):
            raise Malformed("the trainer sent fewer bytes than it said")
        found[each.name] = np.frombuffer(message[at : at + size], each.kind).reshape(each.shape).copy()
        at += size
    if at != len(message):
        raise Malformed("the trainer sent more bytes than it said")
    return found


def serve(trainer: Trainer, source: IO[bytes], target: IO[bytes]) -> None:
    """Answers until the other side is gone: the loop of the process."""
    while front := source.read(8):
        length = int.from_bytes(front, "little")
        if length > MAX_BYTES:
            return
        try:
            answer = packed(trainer.train(unpacked(front + source.read(length))))
        except Exception as error:  # whatever a library raises is told, the process goes on
            answer = packed({}, complaint=f"{type(error).__name__}: {error}"[:1000])
        target.write(answer)
        target.flush()


def _complete(answer: bytearray) -> bool:
    if len(answer) < 8:
        return False
    length = int.from_bytes(answer[:8], "little")
    if length > MAX_BYTES:
        raise Malformed("the trainer announced more than 1 GiB")
    return len(answer) >= 8 + length


def _read_on(source: IO[bytes], answer: bytearray) -> None:
    piece = os.read(source.fileno(), _PIECE)
    if not piece:
        raise Failed("the trainer ended without an answer; is the library it needs installed?")
    answer += piece


def _written(target: IO[bytes], rest: memoryview) -> memoryview:
    try:
        return rest[os.write(target.fileno(), rest[:_PIECE]) :]
    except BlockingIOError:
        return rest
    except BrokenPipeError:
        raise Failed("the trainer ended; is the library it needs installed?") from None
