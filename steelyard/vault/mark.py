"""A mark beside the KEK that only moves forward, so that an older copy of the store is told from the newest.

It catches a store folder put back from before the last start or the last change of keys.  It does not catch who puts
back the mark as well, or deletes it; nor, by itself, what happened since the last start.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steelyard.errors import StoreFault
from steelyard.storage.files import atomically

_MOST: Final = 200  # bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """One line: the store's random name and its generation."""

    path: Path

    def read(self) -> tuple[str, int] | None:
        """None when there is none.  Raises StoreFault for a file that holds no mark."""
        try:
            with self.path.open("rb") as file:
                words = file.read(_MOST).decode().split()
            store, generation = words
            return store, int(generation)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFault.because(f"{self.path} cannot be read ({error.strerror})") from None
        except ValueError:
            raise StoreFault.because(
                f"{self.path} is damaged: compare the store with its backups, then remove it"
            ) from None

    def advance(self, store: str, generation: int) -> None:
        """Raises Failed."""
        with atomically(self.path) as file:
            file.write(f"{store} {generation}\n".encode())

    def check(self, store: str, generation: int, *, new: bool) -> None:
        """Raises StoreFault if this is an older copy, or not the store that the mark was made for.

        A `new` store, with nothing in it yet, may take the place of one that was lost.
        """
        found = self.read()
        if found is None or new:
            return
        advice = f"put back the newest one; if there is none, see the operations manual and remove {self.path}"
        if found[0] != store:
            raise StoreFault.because(f"this is not the store that the node used last: {advice}")
        if generation < found[1]:
            raise StoreFault.because(f"this store is older than when the node used it last: {advice}")
