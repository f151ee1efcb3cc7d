"""A system of one process per party, started once and kept: neither start-up nor connecting counts against it.

A process says {} when it is connected.  To `compute` it answers {"seconds", "rounds"}, to `open` {"digest"} of what it
has computed: preparing, opening and checking are outside the clock.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from benchmarks.inputs import Values, digest
from benchmarks.measure import Sample, Setting, WrongResult
from benchmarks.processes import bytes_sent, peak_rss

START_SECONDS: Final = 300.0
RUN_SECONDS: Final = 600.0
ROOT: Final = Path(__file__).resolve().parents[2]


@contextmanager
def standing(commands: Sequence[Sequence[str]], setting: Setting, expected: Values) -> Iterator[Parties]:
    """Connected parties, one for each command; they are killed at the end."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            pipe = subprocess.PIPE
            processes.append(subprocess.Popen(command, cwd=ROOT, bufsize=0, stdin=pipe, stdout=pipe))
        parties = Parties(setting, processes, digest(expected))
        parties.answers(START_SECONDS)
        yield parties
    finally:
        for process in processes:  # all at once: a party that outlives another complains
            process.kill()
        for process in processes:
            process.communicate()


@dataclass
class Parties:
    """The processes: each answers one line of JSON to every line it reads."""

    setting: Setting
    processes: Sequence[subprocess.Popen[bytes]]
    expected: str

    def run(self) -> Sample:
        before = bytes_sent(self._pids)
        computed = self._ask(b"compute\n")
        after = bytes_sent(self._pids)
        if self._ask(b"open\n")[0]["digest"] != self.expected:
            raise WrongResult(f"{self.setting}: the result is not the one in the clear")
        sent = max(b - a for a, b in zip(before, after, strict=True)) if before and after else None
        return Sample(max(each["seconds"] for each in computed), sent, computed[0]["rounds"], peak_rss(self._pids))

    def without_last(self) -> list[dict[str, Any]]:
        """What the others answer to `compute` when the last one's process dies in it."""
        for process in self.processes:
            _pipe(process.stdin).write(b"compute\n")
        end = time.monotonic() + RUN_SECONDS
        return [json.loads(_line(_pipe(each.stdout), end)) for each in self.processes[:-1]]

    def answers(self, seconds: float) -> list[dict[str, Any]]:
        """One answer of each party; raises TimeoutError, or ChildProcessError when one has ended."""
        end = time.monotonic() + seconds
        return [json.loads(_line(_pipe(each.stdout), end)) for each in self.processes]

    def _ask(self, what: bytes) -> list[dict[str, Any]]:
        for process in self.processes:
            _pipe(process.stdin).write(what)
        return self.answers(RUN_SECONDS)

    @property
    def _pids(self) -> list[int]:
        return [each.pid for each in self.processes]


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    return pipe


def _line(pipe: IO[bytes], end: float) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise TimeoutError("a party did not answer in time")
        piece = os.read(pipe.fileno(), 4096)
        if not piece:
            raise ChildProcessError("a party ended before its answer")
        line += piece
    return line
