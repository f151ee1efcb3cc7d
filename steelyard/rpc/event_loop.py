"""The event loop of a long-lived program: uvloop's, which takes a tenth less of a small round than asyncio's own."""

from __future__ import annotations

import asyncio
import faulthandler
import sys
from collections.abc import Callable, Coroutine
from typing import Any

_new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
try:
    import uvloop
except ImportError:  # there is none for Windows
    pass
else:
    _new_loop = uvloop.new_event_loop


def run(program: Coroutine[Any, Any, None]) -> None:
    """To its end; raises what it raises.  A crash of the interpreter leaves the lines of all threads in the log."""
    if sys.stderr is not None:  # it was closed: a service manager may do that
        faulthandler.enable()  # files, lines and functions; no values
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(program)
