"""Files on their way in: in memory, never on a disk, and gone when their import ends."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from steelyard.errors import Failed, Invalid
from steelyard.v1 import node_pb2

MAX_UPLOAD: Final = 1 << 30  # bytes
_PREFIX: Final = "upload-"


def remove_uploads_of_before(state: Path) -> None:
    """Folders that an older version of this program left behind in a crash."""
    for each in state.glob(f"{_PREFIX}*"):
        shutil.rmtree(each, ignore_errors=True)


@contextmanager
def memory_file() -> Iterator[tuple[BinaryIO, Path]]:
    """An empty file that has a path, by which only this process finds it, and no disk.  Linux only.  Raises Failed."""
    try:
        file = open(os.memfd_create("upload", os.MFD_CLOEXEC), "w+b")  # noqa: SIM115
    except OSError as error:
        raise _not_received(error) from None
    with file:
        yield file, Path(f"/proc/self/fd/{file.fileno()}")


async def received(
    requests: AsyncIterator[node_pb2.ImportDatasetRequest], file: BinaryIO
) -> tuple[node_pb2.ImportDatasetRequest, str]:
    """Writes the content to `file`; the first message, and the owner's own name for it, so that errors name that.

    Raises Invalid for no file or too large a one, Failed when the memory does not suffice.
    """
    first: node_pb2.ImportDatasetRequest | None = None
    size = 0
    async for message in requests:
        first = first or message
        size += len(message.content)
        if size > MAX_UPLOAD:
            raise Invalid(f"a file of more than {MAX_UPLOAD >> 30} GiB: import it in parts, or as Parquet")
        await asyncio.to_thread(_append, file, message.content)
    if first is None:
        raise Invalid("no file was sent")
    return first, Path(first.file_name).name[:200] or "upload"


def _append(file: BinaryIO, content: bytes) -> None:
    try:
        file.write(content)
        file.flush()
    except OSError as error:
        raise _not_received(error) from None


def _not_received(error: OSError) -> Failed:
    return Failed(f"the file cannot be received ({error.strerror}): make room and import again; nothing has changed")
