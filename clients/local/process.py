"""`Process`: a program that outlives the command that started it, found again by process id *and* start time.

The start time is what keeps us from killing a stranger that got the same id later.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from steelyard import records
from steelyard.errors import Failed, SteelyardError, tree
from steelyard.identity import files

_TAIL: Final = 1 << 14  # bytes
_PROC: Final = Path("/proc")
_PAUSE: Final = 0.02
_WORDS: Final = re.compile(r"^([A-Z_]+): (.+)$", re.MULTILINE)
_TRACEBACK: Final = "Traceback (most recent call last)"


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pid: int
    started: str
    log_begins: int = 0  # bytes that were in the log before


@dataclass(frozen=True)
class Process:
    """One named process.  `record` holds its id while it runs, `log` what it says."""

    name: str
    record: Path
    log: Path

    @property
    def pid(self) -> int | None:
        """The id of the running process, None when it does not run."""
        found = self._recorded()
        return found.pid if found is not None and _started(found.pid) == found.started else None

    def start(self, arguments: Sequence[str]) -> int:
        """Starts `python ARGUMENTS` in a session of its own, detached from this one."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.record.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", *arguments]  # -P: D/coordinator is not the package `coordinator`
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(self.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, files.PRIVATE),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        begins = self.log.stat().st_size if self.log.exists() else 0
        pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions, setsid=True)
        record = _Record(pid, _started(pid) or "", begins)
        files.replace(self.record, msgspec.json.encode(record), files.PRIVATE)
        return pid

    def kill(self) -> bool:
        """SIGKILL to the process and its children; False when it does not run."""
        return self._signal(signal.SIGKILL)

    def terminate(self) -> bool:
        """SIGTERM; False when it does not run."""
        return self._signal(signal.SIGTERM)

    def gone(self, seconds: float) -> bool:
        """Waits for the process to end."""
        end = time.monotonic() + seconds
        while self.pid is not None:
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE)
        return True

    def ending(self) -> SteelyardError:
        """Why it ended, in its own words: the programs end with `REASON: message` and advice.

        Without such words it was killed, which is a Failed, or has a defect, which Python ends with a traceback.
        """
        known = {each.reason: each for each in tree()}
        for reason, message in reversed(_WORDS.findall(self.tail())):
            if reason in known:
                return known[reason](f"{self.name} did not start: {message}", party=self.name)
        kind = SteelyardError if _TRACEBACK in self.tail() else Failed
        return kind(f"{self.name} ended while it started, without saying why; see {self.log}", party=self.name)

    def tail(self, lines: int = 20) -> str:
        """The last lines of the log, of those that were written since the last start."""
        found = self._recorded()
        try:
            with self.log.open("rb") as file:
                file.seek(max(found.log_begins if found else 0, self.log.stat().st_size - _TAIL))
                text = file.read(_TAIL).decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> bool:
        pid = self.pid
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(pid, number)  # it leads its own group
            else:
                os.kill(pid, number)
        return True

    def _recorded(self) -> _Record | None:
        try:
            return records.from_json(self.record.read_bytes(), _Record)
        except (OSError, records.DecodeError):
            return None


def _started(pid: int) -> str | None:
    """When the process with this id started, in the system's words; None when there is none, or only its remains."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # takes away the remains, if it was ours
    if _PROC.joinpath("self", "stat").exists():
        return _started_linux(pid)
    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split(None, 1)
    return None if len(shown) < 2 or shown[0].startswith("Z") else shown[1].strip()


def _started_linux(pid: int) -> str | None:
    try:
        # The second field, the name in parentheses, may hold anything; what follows it is regular.
        fields = _PROC.joinpath(str(pid), "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
