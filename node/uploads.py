"""Files on their way in: each in a folder of its own, which goes when its import ends, or else at the next start."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from steelyard.errors import Failed, Invalid
from steelyard.v1 import node_pb2

MAX_UPLOAD: Final = 4 << 30  # bytes
_PREFIX: Final = "upload-"


class Uploads:
    """In the node's state folder, beside where the data will be."""

    def __init__(self, state: Path) -> None:
        """Removes what a crash left behind."""
        self._state = state
        for each in state.glob(f"{_PREFIX}*"):
            shutil.rmtree(each, ignore_errors=True)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty one.  Raises Failed when the disk is full or not writable."""
        try:
            made = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=self._state, ignore_cleanup_errors=True)
        except OSError as error:
            raise _not_received(error) from None
        with made as path:
            yield Path(path)


async def received(
    requests: AsyncIterator[node_pb2.ImportDatasetRequest], folder: Path
) -> tuple[node_pb2.ImportDatasetRequest, Path]:
    """The first message and the file, under the owner's own name for it, so that errors name that.

    Raises Invalid for no file or too large a one, Failed when the disk does not take it.
    """
    first: node_pb2.ImportDatasetRequest | None = None
    path, size = folder, 0
    async for message in requests:
        if first is None:
            first, path = message, folder / (Path(message.file_name).name[:200] or "upload")
        size += len(message.content)
        if size > MAX_UPLOAD:
            raise Invalid(f"a file of more than {MAX_UPLOAD >> 30} GiB")
        await asyncio.to_thread(_append, path, message.content)
    if first is None:
        raise Invalid("no file was sent")
    return first, path


def _append(path: Path, content: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:
        raise _not_received(error) from None


def _not_received(error: OSError) -> Failed:
    return Failed(f"the file cannot be received ({error.strerror}): make room and import again; nothing has changed")
