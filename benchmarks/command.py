"""`steelyard` as a person calls it, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import report

_SCRIPT = str(Path(sys.executable).with_name("steelyard"))


def steelyard(*arguments: str, seconds: float) -> tuple[float, str]:
    """(seconds, stdout).  Raises FileNotFoundError, subprocess.TimeoutExpired or CalledProcessError."""
    began = time.perf_counter()
    try:
        done = subprocess.run([_SCRIPT, *arguments], capture_output=True, timeout=seconds, check=True, text=True)
    except subprocess.CalledProcessError as error:
        report(error.stderr)
        raise
    return time.perf_counter() - began, done.stdout
