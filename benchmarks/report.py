"""Progress goes to stderr: stdout belongs to the rows."""

from __future__ import annotations

import sys


def report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
