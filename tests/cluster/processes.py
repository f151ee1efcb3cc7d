"""One OS process for each party, as `steelyard local` runs them."""

from __future__ import annotations

import os
import signal
from typing import ClassVar, Self

from clients.local import runner
from tests.cluster.by_sdk import SdkRunner


class Processes(SdkRunner):
    """Started by `with`."""

    kind = "processes"
    cannot: ClassVar[dict[str, str]] = {
        "cut": "processes of one machine share its loopback",
        "kill_at": "from outside nobody sees at which step a process is",
        "spoil": "what is sealed in another process is not opened from outside",
    }

    def __enter__(self) -> Self:
        self.prepare()
        try:
            runner.up(self.consortium, print)
            self.import_everything()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def kill(self, name: str) -> None:
        runner.kill(self.consortium, name)

    def start(self, name: str) -> None:
        runner.start(self.consortium, name, print)

    def freeze(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def logs(self, name: str) -> str:
        return self.consortium.program(name).process.log.read_text()

    def close(self) -> None:
        runner.down(self.consortium, remove=True)

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self.consortium.program(name).process.pid
        assert pid is not None
        os.kill(pid, number)
