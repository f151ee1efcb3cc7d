"""Files that hold keys and trust: written whole or not at all, read with a bound, keys only when nobody else can."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from steelyard.errors import Conflict, Invalid, NotFound

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
MAX_KEY_FILE: Final = 1 << 14
_OTHERS: Final = 0o077


def write_new(path: Path, data: bytes, mode: int = PRIVATE) -> None:
    """Creates `path` in one step; raises Conflict when it exists, so that no key is ever overwritten."""
    temporary = _written(path, data, mode)
    try:
        os.link(temporary, path)  # unlike a rename, this fails when the name is taken
    except FileExistsError:
        raise Conflict(f"{path} exists already and is never overwritten") from None
    finally:
        temporary.unlink()
    _sync_directory(path.parent)


def replace(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Puts `data` in the place of `path` in one step: a reader sees the old bytes or the new ones."""
    if path.is_dir():
        raise Invalid(f"{path} is a folder: name a file in it")
    os.replace(_written(path, data, mode), path)
    _sync_directory(path.parent)


def read(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most `limit` bytes."""
    return _read(path, limit, private=False)


def read_private(path: Path) -> bytes:
    """The bytes of a key file; raises Invalid when its mode lets others than its owner at it."""
    return _read(path, MAX_KEY_FILE, private=True)


def private_directory(path: Path) -> Path:
    """Makes `path` (mode 0700) and its parents where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _read(path: Path, limit: int, *, private: bool) -> bytes:
    try:
        with path.open("rb") as file:
            if private:
                _refuse_shared(path, os.fstat(file.fileno()))  # of the open file: no race with a swapped name
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise Invalid(f"{path} is longer than the {limit} bytes expected of it")
    return data


def _refuse_shared(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS:
        raise Invalid(
            f"{path} is a private key that other users of this machine can get at (mode {mode:04o}): "
            "replace the key if one of them may have read it, otherwise run chmod 600 on it"
        )


def _written(path: Path, data: bytes, mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise Invalid(f"{path} cannot be written in {path.parent}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # the umask must not decide
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
