"""A KEK in a file: one version a line, hexadecimal, at least 32 bytes each, the current one last; mode 0600.

An operator can make one beforehand (`openssl rand -hex 32`).  Keep it apart from the store and its backups: together
they are the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from steelyard.errors import StoreFault
from steelyard.randomness import token
from steelyard.storage.files import atomically, private_bytes
from steelyard.vault.ring import LEAST, Ring


def open_key_file(path: Path, *, make: bool) -> Ring:
    """The provider over this file; `make` one that is missing, which only a store without keys allows.

    Raises StoreFault naming what is wrong with the file.
    """
    if make and not path.exists():
        _keep(path, (token(LEAST),))
    return Ring(_read(path), lambda secrets: _keep(path, secrets), str(path))


def _read(path: Path) -> tuple[bytes, ...]:
    text = private_bytes(path)
    try:
        found = tuple(bytes.fromhex(line) for line in text.decode().split())
    except ValueError:
        raise StoreFault.because(f"{path} holds no keys: hexadecimal digits, one key a line") from None
    if not found or min(map(len, found)) < LEAST:
        raise StoreFault.because(f"{path}: every key has at least {LEAST} bytes, {2 * LEAST} hexadecimal digits")
    return found


def _keep(path: Path, secrets: Sequence[bytes]) -> None:
    with atomically(path) as file:
        file.write("".join(f"{each.hex()}\n" for each in secrets).encode())
