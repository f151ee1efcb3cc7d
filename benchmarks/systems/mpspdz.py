"""MP-SPDZ, https://github.com/data61/MP-SPDZ: compiled programs in a virtual machine written in C++, with TLS.

MPSPDZ_DIR names a tree in which the parties' programs are built (`make shamir-party.x replicated-ring-party.x`) and
certificates made (`Scripts/setup-ssl.sh 10`).  A program is compiled once; every run is a launch of all parties, of
which its own timer counts the operation alone, preprocessing included, and the bytes and rounds of party 0.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks.inputs import Values, keys, operands
from benchmarks.measure import Sample, Setting, WrongResult
from clients.local.ports import HOST, free_ports, is_free

TREE: Final = "MPSPDZ_DIR"
COMPILE_SECONDS: Final = 600.0
RUN_SECONDS: Final = 900.0
_CHUNK: Final = 100_000  # values: longer vectors take a minute and a gigabyte to compile
_TIME: Final = re.compile(
    r"^Time1 = (?P<seconds>[0-9.e+-]+) seconds \((?P<mb>[0-9.e+-]+) MB, (?P<rounds>\d+) rounds\)", re.M
)
_SMALL_PRIME: Final = ("-P", str(2**61 - 1))

# Inputs are read before the timer starts, results are opened and written after it has stopped.  `multithread` is how
# long vectors are cut; None keeps it all in the main thread, whose traffic the timer counts and whose file is number 0.
_OVER_PAIRS: Final = """\
n, chunk = int(program.args[1]), int(program.args[2])
a, b, c = sint.Array(n), sint.Array(n), sint.Array(n)
a.input_from(0)
b.input_from(1)
start_timer(1)
@multithread(None, n, max_size=chunk)
def _(base, size):
    c.assign_vector(a.get_vector(base, size) {operator} b.get_vector(base, size), base)
stop_timer(1)
"""
_OVER_KEYS: Final = """\
n, chunk = int(program.args[1]), int(program.args[2])
c = sint.Array(n)
c.input_from(0)
start_timer(1)
c.sort()
stop_timer(1)
"""
_OPENING: Final = """\
@multithread(None, n, max_size=chunk)
def _(base, size):
    c.get_vector(base, size).reveal().binary_output()
"""
SOURCES: Final = {
    "multiply": _OVER_PAIRS.format(operator="*") + _OPENING,
    "compare": _OVER_PAIRS.format(operator="<") + _OPENING,
    "sort": _OVER_KEYS + _OPENING,
}


@dataclass(frozen=True)
class System:
    """One of its protocols: the parties' program, and the compiler's options, by program where one is faster so."""

    machine: str
    options: Mapping[str, Sequence[str]]
    any_number: bool  # of parties

    def compile(self, program: str, size: int) -> list[str]:
        """To be called in the tree."""
        chunk = min(size, _CHUNK)
        return [sys.executable, "compile.py", *self.options[program], _source(program), str(size), str(chunk)]

    def commands(self, program: str, setting: Setting, port: int, data: str) -> list[list[str]]:
        """One per party.  Its threshold is the number of shares that say nothing: ours less one."""
        name = f"{_source(program)}-{setting.size}-{min(setting.size, _CHUNK)}"
        count = ["-N", str(setting.parties), "-T", str(setting.threshold - 1)] if self.any_number else []
        shared = ["-pn", str(port), "-h", HOST, "-IF", data, *count, name]
        return [[f"./{self.machine}", "-p", str(party), *shared] for party in range(setting.parties)]

    def missing(self, setting: Setting) -> str:
        """Why this setting cannot be measured, or nothing."""
        if not self.any_number and (setting.parties, setting.threshold) != (3, 2):
            return "it is for 2-of-3 only"
        if 2 * (setting.threshold - 1) >= setting.parties:
            return "it computes with an honest majority"
        tree = os.environ.get(TREE, "")
        if not tree:
            return f"set {TREE} to a built tree"
        needed = (self.machine, "compile.py", f"Player-Data/P{setting.parties - 1}.pem")
        lacking = [name for name in needed if not (Path(tree) / name).exists()]
        return f"{TREE} has no {', '.join(lacking)}" if lacking else ""


SYSTEMS: Final = {
    "mp-spdz-shamir": System(
        "shamir-party.x",
        {"multiply": _SMALL_PRIME, "compare": ("-F", "64", "-Y"), "sort": ("-F", "64", "-Y")},
        any_number=True,
    ),
    "mp-spdz-rep-ring": System(
        "replicated-ring-party.x",
        dict.fromkeys(SOURCES, ("-R", "64", "-Z", "3")),
        any_number=False,
    ),
}


@contextmanager
def stand_ready(system: System, program: str, setting: Setting, expected: Values) -> Iterator[Launches]:
    """The program compiled and its inputs written.  Raises ValueError where that cannot be."""
    if reason := system.missing(setting):
        raise ValueError(f"MP-SPDZ: {reason}")
    tree = Path(os.environ[TREE]).resolve()
    (tree / "Programs" / "Source" / f"{_source(program)}.mpc").write_text(SOURCES[program])
    command = system.compile(program, setting.size)
    subprocess.run(command, cwd=tree, check=True, timeout=COMPILE_SECONDS, stdout=subprocess.DEVNULL)
    with TemporaryDirectory(prefix="steelyard-benchmark-") as folder:
        data = Path(folder) / "Input"
        columns = (keys(setting.size),) if program == "sort" else operands(setting.size)
        for party, column in enumerate(columns):
            np.savetxt(f"{data}-P{party}-0", column, fmt="%d")
        yield Launches(system, program, setting, tree, str(data), expected)


@dataclass
class Launches:
    """Every run is a launch of all parties."""

    system: System
    program: str
    setting: Setting
    tree: Path
    data: str
    expected: Values

    def run(self) -> Sample:
        commands = self.system.commands(self.program, self.setting, _port(self.setting.parties), self.data)
        written = self.tree / "Player-Data" / "Binary-Output-P0-0"
        written.unlink(missing_ok=True)
        shown, peak = _play(commands, self.tree)
        if not np.array_equal(np.fromfile(written, dtype="<i8"), self.expected):
            raise WrongResult(f"{self.setting}: MP-SPDZ's result is not the one in the clear")
        return timed(shown, peak)


def timed(shown: str, peak: int | None) -> Sample:
    """What party 0 says of its timer; raises ValueError when it says nothing."""
    found = _TIME.search(shown)
    if found is None:
        raise ValueError(f"MP-SPDZ did not show its timer: {shown[-500:]}")
    return Sample(float(found["seconds"]), round(float(found["mb"]) * 1e6), int(found["rounds"]), peak)


def _play(commands: Sequence[Sequence[str]], tree: Path) -> tuple[str, int]:
    """What party 0 shows, and the most memory that one of them had."""
    processes: list[subprocess.Popen[bytes]] = []
    with TemporaryDirectory(prefix="steelyard-benchmark-") as folder:
        try:
            for party, command in enumerate(commands):
                with (Path(folder) / str(party)).open("wb") as out:
                    processes.append(subprocess.Popen(command, cwd=tree, stdout=out, stderr=subprocess.STDOUT))
            end = time.monotonic() + RUN_SECONDS
            peaks = [_ended(process, end) for process in processes]
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    process.wait()
        shown = (Path(folder) / "0").read_text(errors="replace")
    if any(process.returncode for process in processes):
        raise ChildProcessError(f"MP-SPDZ ended with an error: {shown[-500:]}")
    return shown, max(peaks)


def _ended(process: subprocess.Popen[bytes], end: float) -> int:
    """Peak memory in bytes, which the operating system tells only of a process that it is asked to bury."""
    while time.monotonic() < end:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_maxrss * 1024
        time.sleep(0.01)
    raise TimeoutError("an MP-SPDZ party did not end in time")


def _source(program: str) -> str:
    return f"steelyard_{program}"


def _port(parties: int) -> int:
    """The first of as many free ports in a row."""
    return next(first for first in free_ports(50) if all(is_free(first + party) for party in range(parties)))
