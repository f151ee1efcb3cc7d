"""How a long-lived program of ours uses memory: large vectors go back to the system, and start-up is not garbage."""

from __future__ import annotations

import ctypes
import gc
import resource
from contextlib import suppress
from typing import Final

_MMAP_THRESHOLD: Final = -3  # mallopt(3), glibc
_ARENA_MAX: Final = -8
_PR_SET_DUMPABLE: Final = 4  # prctl(2)
_LARGE: Final = 1 << 20  # bytes
_ALLOCATIONS: Final = 20_000  # between two looks for young garbage


def forbid_dumps() -> None:
    """Keys and shares in memory do not end up in a core file, and other programs of the same user cannot read them."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(AttributeError, OSError):  # Linux only
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def settle() -> None:
    """To be called once everything is loaded.

    What was loaded lives as long as the program: the collector need not look at it again and again, which for a million
    objects takes longer than a small sum.
    """
    _return_large_blocks()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def _return_large_blocks() -> None:
    """Fixes glibc's mmap threshold, which otherwise grows with what is freed; without glibc it does nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_ARENA_MAX, 2)
