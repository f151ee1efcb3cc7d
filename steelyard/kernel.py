"""`kernel`: compiles a loop over numpy arrays with numba, for an explicit signature and without the GIL.

numba keeps the compiled code beside the kernel's file, or in the directory NUMBA_CACHE_DIR, or in the user's cache
directory, whichever is writable first; where none is, every start compiles anew (some seconds).  A read-only image
therefore sets NUMBA_CACHE_DIR to a writable copy of a directory it has warmed, and NUMBA_CPU_NAME (such as x86-64-v3)
so that it fits any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(result: Any, *arguments: Any) -> Callable[[F], F]:
    def compiled(function: F) -> F:
        signature = result(*arguments)
        try:
            return cast(F, numba.njit(signature, cache=True, nogil=True, error_model="numpy")(function))
        except RuntimeError:  # no writable directory for the cache
            return cast(F, numba.njit(signature, nogil=True, error_model="numpy")(function))

    return compiled
