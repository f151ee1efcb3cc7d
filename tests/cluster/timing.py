"""Shorter patience than in production: scenarios about what is missing spend their time waiting for it."""

from __future__ import annotations

from typing import Final

COORDINATOR_TIMING: Final = """
[timing]
computation = 60
call = 3
missing = 1.5
back = 4
long_back = 60
failed = 1
broken = 5
delivered = 3
fetch = 10
describe = 1
"""
NODE_TIMING: Final = """
round_seconds = 4.0
"""
