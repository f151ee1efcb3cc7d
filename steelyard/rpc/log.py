"""The log of a program: one JSON object per line on stderr."""

from __future__ import annotations

import logging
import sys

import structlog


def as_json(level: str) -> None:
    """`level` is one of debug, info, warning, error; anything else counts as info."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
        ),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),  # of now, not of when this was called
    )
