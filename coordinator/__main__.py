"""`python -m coordinator --config FILE`."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import structlog

from coordinator import config
from coordinator.app import run
from steelyard.errors import SteelyardError


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] != "--config":
        sys.stderr.write("usage: python -m coordinator --config FILE\n")
        return 2
    try:
        loaded = config.load(Path(arguments[1]))
        log_as_json(loaded.log_level)
        asyncio.run(run(loaded))
    except SteelyardError as error:
        sys.stderr.write(f"{error.message}\n{error.advice}\n")
        return error.exit_code
    return 0


def log_as_json(level: str) -> None:
    """One JSON object per line on stderr."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
