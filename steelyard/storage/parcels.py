"""Parcels: bytes that a row of a database stands for; small ones lie in the row, large ones in a file it names.

The file is there before the row that names it is committed, and goes after that row does; what a crash leaves between
is swept up at the next start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from steelyard.errors import Failed
from steelyard.randomness import token
from steelyard.storage.files import UNFINISHED, atomically, private_folder

INLINE: Final = 1 << 20  # bytes that a row holds at most
_SUFFIX: Final = ".parcel"

Place = tuple[bytes | None, str | None]  # what the row holds: the bytes, or the name of the file


class Parcels:
    def __init__(self, folder: Path, known: Collection[str]) -> None:
        """Removes files that no row names; `known` are those that one does."""
        self._folder = private_folder(folder)
        for file in self._folder.iterdir():
            if file.name.endswith((_SUFFIX, UNFINISHED)) and file.name not in known:
                file.unlink(missing_ok=True)

    def put(self, data: bytes, made: list[str | None]) -> Place:
        """Where the bytes lie from now on; a new file is added to `made`.  Raises Failed for a full disk."""
        if len(data) <= INLINE:
            return data, None
        name = token(16).hex() + _SUFFIX
        made.append(name)
        with atomically(self._folder / name) as file:
            file.write(data)
        return None, name

    def get(self, place: Place) -> bytes:
        """Raises Failed when the file cannot be read."""
        data, name = place
        try:
            return data if name is None and data is not None else (self._folder / (name or "")).read_bytes()
        except OSError as error:
            raise Failed(f"what is stored cannot be read ({error.strerror}): check the state folder") from None

    def remove(self, names: Iterable[str | None]) -> None:
        for name in names:
            if name:
                (self._folder / name).unlink(missing_ok=True)
