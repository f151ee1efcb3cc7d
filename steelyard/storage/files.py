"""Files that are there whole or not at all, also after a crash: temporary file, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from steelyard.errors import Failed, StoreFault
from steelyard.randomness import token

UNFINISHED: Final = ".part"  # how the names of temporary files end
_OTHERS: Final = 0o077
_SHORT: Final = 1 << 16  # bytes


@contextmanager
def atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to write to (mode 0600) that takes the place of `path` when the block ends well.

    Raises Failed if the disk is full or not writable; what was at `path` before is untouched then.
    """
    part = path.with_name(f"{path.name}.{token(8).hex()}{UNFINISHED}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise Failed(f"a file cannot be stored ({error.strerror}): check the disk; nothing was lost") from error
    finally:
        part.unlink(missing_ok=True)


def private_folder(path: Path) -> Path:
    """The folder, made if missing, which only the owner enters (mode 0700).  Raises Failed."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise Failed(f"the folder {path.name} cannot be used ({error.strerror}): check the state folder") from error
    return path


def private_bytes(path: Path) -> bytes:
    """A short file that only its owner can read, such as a key.  Raises StoreFault."""
    try:
        with path.open("rb") as file:
            shared = os.fstat(file.fileno()).st_mode & _OTHERS  # of the open file: no race with a swapped name
            data = file.read(_SHORT + 1)
    except FileNotFoundError:
        raise StoreFault.because(
            f"{path} is missing: put it back; without it nothing that is stored can be read"
        ) from None
    except OSError as error:
        raise StoreFault.because(f"{path} cannot be read ({error.strerror})") from None
    if shared:
        raise StoreFault.because(f"{path} can be read by other users of this machine: run chmod 600 on it")
    if len(data) > _SHORT:
        raise StoreFault.because(f"{path} is longer than any key file")
    return data


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
