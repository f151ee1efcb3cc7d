"""A long-lived program of ours: which loop it runs on, and what a crash leaves in its log."""

from __future__ import annotations

import subprocess
import sys

CRASH = """
import os, signal
from steelyard.rpc import event_loop

async def program(secret):
    os.kill(os.getpid(), signal.SIGSEGV)

event_loop.run(program("a figure of bank-a"))
"""
SILENT = """
import asyncio, sys
from steelyard.rpc import event_loop

sys.stderr = None
event_loop.run(asyncio.sleep(0))
"""


def test_a_crash_of_the_interpreter_says_where_it_was_and_no_value() -> None:
    ended = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, timeout=120)
    assert ended.returncode < 0
    assert "Segmentation fault" in ended.stderr
    assert 'File "<string>", line 6 in program' in ended.stderr
    assert "a figure" not in ended.stderr


def test_a_program_without_a_log_runs() -> None:
    """A service manager may have closed what it would go to."""
    subprocess.run([sys.executable, "-c", SILENT], check=True, timeout=120)
