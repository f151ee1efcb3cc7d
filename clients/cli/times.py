"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def time_of(milliseconds: int) -> str:
    """Milliseconds since 1970 in UTC; a dash for never."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%SZ}" if milliseconds else "-"
