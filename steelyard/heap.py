"""How the C library keeps memory: for processes that take and free hundreds of megabytes in every request.

By default glibc hands large blocks back to the kernel at once, and every thread has a heap of its own: half of a
second of a core went into mapping the same pages again for every encrypted ratio.  Other libraries have no such knobs.
"""

from __future__ import annotations

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = (-1, 256 << 20)  # mallopt(3): bytes at the end of a heap that are kept
_MMAP_THRESHOLD: Final = (-3, 32 << 20)  # the most it allows: blocks below that come from a heap
_ARENA_MAX: Final = (-8, 2)


def keep() -> None:
    """Keeps what is freed for the next request; to be called before there are threads."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in (_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX):
            mallopt(option, value)
