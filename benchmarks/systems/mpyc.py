"""MPyC, https://github.com/lschoe/mpyc: general multi-party computation in Python, on its numpy arrays.

One process per party, started once and kept, so that neither start-up nor connecting counts against it.  No TLS, no
policies, no stored data: its inputs are in memory when its clock starts.  Time is taken inside party 0, which receives
the output, from a barrier on.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from benchmarks.inputs import Values
from benchmarks.measure import Sample, Setting, WrongResult
from benchmarks.processes import bytes_sent, peak_rss
from benchmarks.report import report
from clients.local.ports import HOST, free_ports

if TYPE_CHECKING:
    from benchmarks.exercise import Exercise

START_SECONDS: Final = 60.0
RUN_SECONDS: Final = 600.0
_ROOT: Final = Path(__file__).resolve().parents[2]


@contextmanager
def stand_ready(exercise: Exercise, setting: Setting) -> Iterator[Parties]:
    """Connected parties; they are killed at the end.  Raises ValueError for what MPyC cannot do."""
    _require(setting)
    expected = digest(exercise.expected(exercise.inputs(setting)))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands(exercise.mpyc, setting):
            pipe = subprocess.PIPE
            processes.append(subprocess.Popen(command, cwd=_ROOT, bufsize=0, stdin=pipe, stdout=pipe))
        parties = Parties(setting, processes, expected)
        parties.answers(START_SECONDS)
        yield parties
    finally:
        for process in processes:  # all at once: a party that outlives another complains
            process.kill()
        for process in processes:
            process.communicate()


def commands(program: str, setting: Setting) -> list[list[str]]:
    """One command line per party.  MPyC's threshold is the number of shares that say nothing: ours less one."""
    addresses = [f"{HOST}:{port}" for port in free_ports(setting.parties)]
    shared = ["--no-log", "-T", str(setting.threshold - 1), *(word for each in addresses for word in ("-P", each))]
    base = [sys.executable, "-m", "benchmarks.systems.mpyc_party", program, str(setting.size)]
    return [[*base, *shared, "-I", str(index)] for index in range(setting.parties)]


def digest(values: Values) -> str:
    """What party 0 answers instead of the values themselves."""
    return hashlib.sha256(values.astype("<i8").tobytes()).hexdigest()


@dataclass
class Parties:
    """MPyC's processes: each answers one line of JSON to every line it reads."""

    setting: Setting
    processes: Sequence[subprocess.Popen[bytes]]
    expected: str

    def run(self) -> Sample:
        before = bytes_sent(self._pids)
        for process in self.processes:
            _pipe(process.stdin).write(b"go\n")
        receiver = self.answers(RUN_SECONDS)[0]
        if receiver["digest"] != self.expected:
            raise WrongResult(f"{self.setting}: MPyC's result is not the one in the clear")
        after = bytes_sent(self._pids)
        sent = max(b - a for a, b in zip(before, after, strict=True)) if before and after else None
        return Sample(receiver["seconds"], sent, receiver["rounds"], peak_rss(self._pids))

    def answers(self, seconds: float) -> list[dict[str, Any]]:
        """One answer of each party; raises TimeoutError, or ChildProcessError when one has ended."""
        end = time.monotonic() + seconds
        return [json.loads(_line(_pipe(each.stdout), end)) for each in self.processes]

    @property
    def _pids(self) -> list[int]:
        return [each.pid for each in self.processes]


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


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    return pipe


def _line(pipe: IO[bytes], end: float) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise TimeoutError("an MPyC party did not answer in time")
        piece = os.read(pipe.fileno(), 4096)
        if not piece:
            raise ChildProcessError("an MPyC party ended before its answer")
        line += piece
    return line
