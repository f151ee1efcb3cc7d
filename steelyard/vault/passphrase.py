"""A KEK sealed under a passphrase: Argon2id (64 MiB, 3 passes, 1 lane), parameters and salt beside it.

The passphrase comes from a file or an environment variable, never from a command line, which everybody can read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from steelyard import records
from steelyard.errors import StoreFault
from steelyard.randomness import token
from steelyard.storage.files import atomically, private_bytes
from steelyard.vault.codecs import AES_GCM, codec
from steelyard.vault.frames import check_value
from steelyard.vault.ring import LEAST, Ring

SHORTEST: Final = 12  # bytes of a passphrase
_SALT: Final = 16
_LARGEST_MEMORY: Final = 1 << 20  # KiB, so that a file from somebody else cannot ask for all of it
_LARGEST_PASSES: Final = 100


class _Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    salt: bytes
    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 1


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    argon2id: _Parameters
    check: bytes
    keys: bytes


def open_passphrase(path: Path, passphrase: bytes, *, make: bool) -> Ring:
    """The provider over this file; `make` one that is missing, which only a store without keys allows.

    Raises StoreFault: no file, a damaged one, a short passphrase or a wrong one.
    """
    if len(passphrase) < SHORTEST:
        raise StoreFault.because(f"the passphrase has fewer than {SHORTEST} characters")
    if make and not path.exists():
        _keeper(path, passphrase)((token(LEAST),))
    return Ring(_read(path, passphrase), _keeper(path, passphrase), str(path))


def _read(path: Path, passphrase: bytes) -> tuple[bytes, ...]:
    sealed = _parsed(path)
    key = _derived(passphrase, sealed.argon2id)
    if check_value(key) != sealed.check:
        raise StoreFault.because(f"wrong passphrase for {path}")
    try:
        return tuple(records.from_msgpack(codec(AES_GCM, key).open(sealed.keys), list[bytes]))
    except StoreFault:
        raise StoreFault.because(f"{path} is damaged: put it back from a backup") from None


def _parsed(path: Path) -> _Sealed:
    try:
        sealed = records.from_json(private_bytes(path), _Sealed)
    except records.DecodeError:
        raise StoreFault.because(f"{path} is damaged: put it back from a backup") from None
    asked = sealed.argon2id
    in_bounds = (
        8 <= len(asked.salt) <= 64
        and 1 <= asked.passes <= _LARGEST_PASSES
        and 1 <= asked.lanes <= 64
        and 8 * asked.lanes <= asked.memory_kib <= _LARGEST_MEMORY
    )
    if not in_bounds:
        raise StoreFault.because(f"{path} asks for an Argon2id that this program does not do")
    return sealed


def _keeper(path: Path, passphrase: bytes) -> Callable[[Sequence[bytes]], None]:
    def keep(secrets: Sequence[bytes]) -> None:
        """Under a fresh salt every time."""
        parameters = _Parameters(salt=token(_SALT))
        key = _derived(passphrase, parameters)
        sealed = codec(AES_GCM, key).seal(msgspec.msgpack.encode(list(secrets)))
        with atomically(path) as file:
            file.write(msgspec.json.encode(_Sealed(parameters, check_value(key), sealed)))

    return keep


def _derived(passphrase: bytes, asked: _Parameters) -> bytes:
    return Argon2id(
        salt=asked.salt, length=32, iterations=asked.passes, lanes=asked.lanes, memory_cost=asked.memory_kib
    ).derive(passphrase)
