"""What stands in the files of a folder, while the programs that write them are at work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

TRIES: Final = 10


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file's bytes, of a time at which none vanished: what a journal held may have gone elsewhere meanwhile."""
    for _ in range(TRIES):
        with suppress(FileNotFoundError):
            paths = [Path(name) / each for name, _, files in os.walk(folder) for each in files]
            if not paths:
                raise RuntimeError(f"there is no file in {folder.name}: nothing was looked at")
            return {path: path.read_bytes() for path in paths}
    raise RuntimeError(f"files of {folder.name} vanish as fast as they are read")


def holding(folder: Path, forms: Iterable[bytes]) -> list[Path]:
    """Files in which one of the forms stands."""
    wanted = list(forms)
    return [path for path, data in contents(folder).items() if any(form in data for form in wanted)]
