"""An error that nobody foresaw: its type and lines go to the log; its words, which may hold a share, go nowhere."""

from __future__ import annotations

import traceback

import structlog

from steelyard.errors import SteelyardError
from steelyard.randomness import token

_log = structlog.get_logger(__name__)


def reported(error: Exception, whose: str = "", **about: str) -> SteelyardError:
    """Logs a defect without its words, and gives the error that may be shown: in whose log to look, for which id."""
    identifier = token(6).hex()
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    lines = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    _log.error("defect", id=identifier, type=type(error).__name__, where=lines, **about)
    return SteelyardError(f"an internal error{f' of {whose}' if whose else ''}; its id is {identifier}")
