"""The format of a sealed file: a clear preamble, then frames of at most 1 MiB that say where they belong.

preamble  "steelyard-vault\\n", format (1 byte), check value of the data key (8 bytes)
frame     length (4 bytes, little-endian), then a token of the codec over
          schema (2), length of header (2), header (msgpack: node, unit, file, index, count), body

Fernet has no associated data, so the header is inside and compared after decryption.  `count` is 0 but in the last
frame, so that a file can be written as a stream and still cannot be cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from steelyard import records
from steelyard.digest import Part, digest
from steelyard.errors import StoreFault
from steelyard.vault.codecs import Codec

FORMAT: Final = 1  # of preamble and frames
SCHEMA: Final = 1  # of what is inside a frame
FRAME: Final = 1 << 20  # bytes of plaintext
_BODY: Final = FRAME - 1024
_LONGEST: Final = 2 * FRAME  # token
_MAGIC: Final = b"steelyard-vault\n"
_CHECK: Final = 8
PREAMBLE: Final = len(_MAGIC) + 1 + _CHECK


class Header(msgspec.Struct, frozen=True, array_like=True):
    node: str
    unit: str
    file: str
    index: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Seal:
    """One file of one unit, under the unit's data key."""

    codec: Codec
    check: bytes
    place: Header

    def write(self, target: BinaryIO, chunks: Iterable[Part]) -> int:
        """Seals the bytes of all chunks as they come; returns how many there were."""
        target.write(_MAGIC + bytes([FORMAT]) + self.check)
        total = index = 0
        pending = bytearray()
        for chunk in chunks:
            view = memoryview(chunk).cast("B")
            total += len(view)
            pending += view
            while len(pending) > _BODY:
                target.write(self.frame(bytes(pending[:_BODY]), index))
                del pending[:_BODY]
                index += 1
        target.write(self.frame(bytes(pending), index, index + 1))
        return total

    def read(self, source: BinaryIO) -> Iterator[bytes]:
        """The bodies in order.  What came before an error is authentic but not whole: act after the end only.

        Raises StoreFault for every kind of damage, each with its own sentence.
        """
        check_preamble(source.read(PREAMBLE), self.check)
        index, last = 0, False
        for token in tokens(source):
            if last:
                raise StoreFault.because("something was appended to it")
            header, body = self._opened(token)
            self._compare(header, index)
            index, last = index + 1, header.count == index + 1
            yield body
        if not last:
            raise StoreFault.because("it was cut off between two frames")

    def frame(self, body: bytes, index: int, count: int = 0) -> bytes:
        """One frame as it stands in a file."""
        header = msgspec.msgpack.encode(msgspec.structs.replace(self.place, index=index, count=count))
        token = self.codec.seal(_word(SCHEMA) + _word(len(header)) + header + body)
        return len(token).to_bytes(4, "little") + token

    def single(self, sealed: bytes) -> bytes:
        """The body of the one frame that these bytes are."""
        if len(sealed) < 4 or len(sealed) != 4 + int.from_bytes(sealed[:4], "little"):
            raise StoreFault.because("a sealed value is not whole")
        header, body = self._opened(sealed[4:])
        self._compare(header, 0)
        return body

    def _opened(self, token: bytes) -> tuple[Header, bytes]:
        plain = self.codec.open(token)
        if int.from_bytes(plain[:2], "little") > SCHEMA:
            raise StoreFault.because("a newer version of the program wrote it: install that version")
        end = 4 + int.from_bytes(plain[2:4], "little")
        try:
            return records.from_msgpack(plain[4:end], Header), plain[end:]
        except records.DecodeError:
            raise StoreFault.because("the header of a frame cannot be read") from None

    def _compare(self, found: Header, index: int) -> None:
        for what in ("node", "unit", "file"):
            if getattr(found, what) != getattr(self.place, what):
                raise StoreFault.because(f"it belongs to another {what}")
        if found.index != index or found.count not in (0, index + 1):
            raise StoreFault.because("its frames are not in their order")


def check_value(key: bytes) -> bytes:
    """Tells data keys apart without saying anything of them."""
    return digest("vault-check-value", key)[:_CHECK]


def check_preamble(preamble: bytes, check: bytes) -> None:
    """Raises StoreFault unless a file that begins so is sealed in a known format and under the key of this check."""
    if len(preamble) < PREAMBLE:
        raise StoreFault.because("it is cut off at its very beginning")
    if not preamble.startswith(_MAGIC):
        raise StoreFault.because("it is no sealed file, or its beginning was overwritten")
    if preamble[len(_MAGIC)] > FORMAT:
        raise StoreFault.because("a newer version of the program wrote it: install that version")
    if preamble[-_CHECK:] != check:
        raise StoreFault.because("it is sealed under another key: it was copied from another unit, node or time")


def tokens(source: BinaryIO, *, skip: bool = False) -> Iterator[bytes]:
    """What follows the preamble; with `skip` only the lengths are looked at.  Raises StoreFault for a torn end."""
    while prefix := source.read(4):
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 4 or length > _LONGEST:
            raise StoreFault.because("it is torn in the middle of a frame")
        token = _skipped(source, length) if skip else source.read(length)
        if token is None or (len(token) < length and not skip):
            raise StoreFault.because("it is torn in the middle of a frame")
        yield token


def _skipped(source: BinaryIO, length: int) -> bytes | None:
    """Moves on without reading; None beyond the end."""
    if not length:
        return b""
    source.seek(length - 1, 1)
    return source.read(1) or None


def _word(number: int) -> bytes:
    return number.to_bytes(2, "little")
