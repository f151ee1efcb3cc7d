"""MPyC, https://github.com/lschoe/mpyc: general multi-party computation in Python, on its numpy arrays.

No TLS, no policies, no stored data: its inputs are in memory when its clock starts, at a barrier.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.inputs import Values
from benchmarks.measure import Setting
from benchmarks.report import report
from benchmarks.systems.parties import Parties, standing
from clients.local.ports import HOST, free_ports


@contextmanager
def stand_ready(program: str, setting: Setting, expected: Values) -> Iterator[Parties]:
    """Connected parties.  Raises ValueError for what MPyC cannot do."""
    _require(setting)
    with standing(commands(program, setting), setting, expected) as parties:
        yield parties


def commands(program: str, setting: Setting) -> list[list[str]]:
    """One command line per party.  MPyC's threshold is the number of shares that say nothing: ours less one."""
    addresses = [f"{HOST}:{port}" for port in free_ports(setting.parties)]
    shared = ["--no-log", "-T", str(setting.threshold - 1), *(word for each in addresses for word in ("-P", each))]
    base = [sys.executable, "-m", "benchmarks.systems.mpyc_party", program, str(setting.size)]
    return [[*base, *shared, "-I", str(index)] for index in range(setting.parties)]


def _require(setting: Setting) -> None:
    if importlib.util.find_spec("mpyc") is None:
        raise ValueError("MPyC is not installed: pip install --editable '.[bench]'")
    if 2 * (setting.threshold - 1) >= setting.parties:
        raise ValueError(
            f"MPyC computes with an honest majority, which {setting} has not: leave it out with --systems steelyard"
        )
    for package in ("gmpy2", "uvloop"):
        if importlib.util.find_spec(package) is None:
            report(f"note: MPyC is faster with {package}, which is not installed")
