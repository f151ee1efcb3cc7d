"""`python -m tests.cluster.crashing node|coordinator FILE`: a program that a test can kill at a named point.

The environment variable `ARMED` names a folder; who passes the point written in its own file there kills itself with
SIGKILL, and the file is gone.  Only this entry point knows of it.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.local.layout import LocalConsortium, Program
from coordinator import app as coordinator_app
from coordinator import config as coordinator_config
from node import app as node_app
from node import config as node_config
from steelyard.identity.certificates import Role
from steelyard.rpc import event_loop, log

ARMED: Final = "STEELYARD_TEST_CRASH_POINTS"  # a folder: the file NAME in it holds the point at which NAME dies
_FOLDER: Final = "crash-points"


def main(role: str, config: Path) -> None:
    if role == Role.COORDINATOR:
        loaded = coordinator_config.load(config)
        log.as_json(loaded.log_level)
        event_loop.run(coordinator_app.run(loaded, Fuse(role).pass_by))
    else:
        found = node_config.load(config)
        event_loop.run(node_app.run(found, Fuse(found.party).pass_by))


@dataclass(frozen=True)
class Fuse:
    """Where one program is to die next."""

    name: str
    folder: Path = Path(os.environ.get(ARMED, _FOLDER))

    @property
    def file(self) -> Path:
        return self.folder / self.name

    def arm(self, point: str) -> None:
        self.folder.mkdir(exist_ok=True)
        written = self.file.with_suffix(".new")
        written.write_text(point)
        written.replace(self.file)

    def disarm(self) -> None:
        self.file.unlink(missing_ok=True)

    @property
    def armed(self) -> bool:
        return self.file.exists()

    def pass_by(self, point: str) -> None:
        if self.armed and self.file.read_text() == point:
            self.file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


class _Crashing(Program):
    @property
    def arguments(self) -> list[str]:
        return ["-m", "tests.cluster.crashing", str(self.role), str(self.config)]


class CrashingConsortium(LocalConsortium):
    """A local consortium of programs that can be killed at a point."""

    def _program(self, name: str, role: Role) -> Program:
        made = super()._program(name, role)
        return _Crashing(made.name, made.role, made.home, made.process)

    def fuse(self, name: str) -> Fuse:
        return Fuse(name, self.root / _FOLDER)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
