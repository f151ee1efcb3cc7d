"""`Worker`: SEAL in a process of its own, so that a node keeps answering and no crash in there is a crash of the node.

The process gets ciphertexts and public keys only, as bytes, and none of the node's environment.  It is started early,
since that takes a third of a second of a core, has a bound on its memory, and is killed at its deadline and when its
attempt is over.
"""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from collections.abc import Sequence
from threading import Lock, Timer
from types import TracebackType
from typing import IO, Final, Self

from steelyard.ckks import ciphertext, frames
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.joint_key import JointKey
from steelyard.ckks.profiles import Profile
from steelyard.ckks.scheme import Quotient
from steelyard.errors import Conflict, Failed, SteelyardError, TimedOut, by_reason

OPEN: Final = b"open"
DIVIDE: Final = b"divide"
DONE: Final = b"done"
MEMORY: Final = 1 << 30  # bytes of address space; 0.6 GB are used, 0.3 GB of them in memory
SECONDS: Final = 120.0
_ENVIRONMENT: Final = ("PATH", "LANG", "LD_LIBRARY_PATH")  # others may hold what opens the vault


class Workers:
    """Keeps one process ready once there has been a first; it has seen no key."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._ready: subprocess.Popen[bytes] | None = None
        self._unused: weakref.finalize[..., Workers] | None = None
        self._lock = Lock()

    def take(self) -> subprocess.Popen[bytes]:
        process = self._taken()
        if process and process.poll() is None:
            return process
        _end(process)
        return self._started()

    def prepare(self) -> None:
        """One for the next."""
        with self._lock:
            if self._ready is None:
                self._ready = self._started()
                self._unused = weakref.finalize(self, _end, self._ready)

    def close(self) -> None:
        _end(self._taken())

    def _taken(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            process, self._ready = self._ready, None
            if self._unused:
                self._unused.detach()
        return process

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "steelyard.ckks.worker_process", str(self._memory)]
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment = {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )


class Worker:
    """An `Evaluator` after `open`; use it in a `with`.  Leaves another ready in `workers`, if it came from there."""

    def __init__(
        self, profile: Profile, seconds: float = SECONDS, memory: int = MEMORY, workers: Workers | None = None
    ) -> None:
        self._profile = profile
        self._workers = workers
        self._seconds = seconds
        self._memory = memory
        self._late = False
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: Timer | None = None

    def __enter__(self) -> Self:
        self._process = (self._workers or Workers(self._memory)).take()
        self._timer = Timer(self._seconds, self._kill)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._timer:
            self._timer.cancel()
        process, self._process = self._process, None
        _end(process)
        if self._workers:
            self._workers.prepare()

    def open(self, key: JointKey) -> None:
        """Takes the joint key; raises Failed, TimedOut."""
        self._ask([OPEN, self._profile.name.encode(), key.write_relin()])

    def divide(self, quotient: Quotient) -> Ciphertext:
        """Raises Failed, TimedOut, and what the evaluator in there raised."""
        weights = [each.write() for each in quotient.weights]
        numerators = [each.write() for each in quotient.numerators]
        parts = [DIVIDE, quotient.denominators.write(), str(len(numerators)).encode(), *numerators, *weights]
        return ciphertext.read(self._profile.result, self._ask(parts))

    def _ask(self, parts: Sequence[bytes]) -> bytes:
        if not self._process or not self._process.stdin or not self._process.stdout:
            raise Conflict("this worker has not been started, or has ended")
        try:
            frames.write(self._process.stdin, parts)
            answer = frames.read(self._process.stdout)
        except (OSError, ValueError, Failed):
            answer = None
        if answer is None:
            if self._late:
                raise TimedOut(f"the encrypted computation took longer than {self._seconds:g} s")
            raise Failed("the process of the encrypted computation ended: it may have needed more memory than it may")
        return _value(answer)

    def _kill(self) -> None:
        self._late = True
        if process := self._process:
            process.kill()


def _value(answer: Sequence[bytes]) -> bytes:
    if len(answer) != 2:
        raise Failed("a worker answered what was not asked")
    if answer[0] != DONE:
        kind = by_reason(answer[0].decode(errors="replace"))
        raise (kind if kind is not SteelyardError else Failed)(answer[1].decode(errors="replace")[:200])
    return answer[1]


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process:
        process.kill()
        for stream in (process.stdin, process.stdout):
            _close(stream)
        process.wait()


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream:
            stream.close()
    except OSError:  # what was still to be sent cannot be any more
        pass
