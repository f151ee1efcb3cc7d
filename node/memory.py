"""Large vectors go back to the system as soon as they are freed, instead of staying in this process's heaps."""

from __future__ import annotations

import ctypes
from typing import Final

_MMAP_THRESHOLD: Final = -3  # mallopt(3), glibc
_ARENA_MAX: Final = -8
_LARGE: Final = 1 << 20  # bytes


def return_large_blocks() -> None:
    """Fixes glibc's mmap threshold, which otherwise grows with what is freed; without glibc it does nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_ARENA_MAX, 2)
