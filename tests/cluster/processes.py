"""One OS process for each party, as `steelyard local` runs them, reached by the command line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Self

from clients.local import imports, runner
from clients.local.layout import LocalConsortium
from clients.local.prepare import loopback_plan, prepare
from clients.sdk.profile import Profile
from tests.cluster import samples, stranger
from tests.cluster.runner import COORDINATOR, PARTIES, THRESHOLD, Answer, CliRunner, Outcome
from tests.cluster.timing import COORDINATOR_TIMING, NODE_TIMING


def command_line(*arguments: str, timeout: float = 60, **variables: str) -> Outcome:
    """`steelyard ARGUMENTS` in a process of its own."""
    command = [sys.executable, "-m", "clients.cli", *arguments]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


class Processes(CliRunner):
    """Started by `with`."""

    kind = "processes"
    cannot: ClassVar[dict[str, str]] = {
        "cut": "processes of one machine share its loopback",
        "kill_at": "from outside nobody sees at which step a process is",
    }

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.consortium = LocalConsortium.at(root / "consortium")
        self.data = samples.write(root / "data")

    def __enter__(self) -> Self:
        consortium = self.consortium
        prepare(consortium, loopback_plan(PARTIES, THRESHOLD))
        for program in consortium.programs():
            extra = COORDINATOR_TIMING if program.name == COORDINATOR else NODE_TIMING
            with program.config.open("a") as file:
                file.write(extra)
            if program.name != COORDINATOR:
                self.set_policy(program.name, samples.POLICY)
        try:
            runner.up(consortium, print)
            profile = Profile.open(consortium.root)
            imports.import_all(profile, imports.plan_imports(self.data, PARTIES, print))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def steelyard(self, *arguments: str, timeout: float = 60) -> Outcome:
        return command_line(*arguments, "--profile", str(self.consortium.root), timeout=timeout)

    def owner(self, party: str, *arguments: str) -> Outcome:
        return self.steelyard(*arguments)

    def import_rows(self, party: str, dataset: str) -> Answer:
        path, schema = self.data / party / f"{dataset}.csv", self.data / f"{dataset}.schema.toml"
        arguments = ("data", "import", str(path), "--dataset", dataset, "--schema", str(schema), "--party", party)
        return Answer.of(self.steelyard(*arguments, "--json"))

    def policy(self, party: str) -> str:
        return self._policy(party).read_text()

    def set_policy(self, party: str, text: str) -> None:
        self._policy(party).write_text(text)

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

    def coordinator_state(self) -> bytes:
        folder = self.consortium.root / "coordinator" / "state"
        return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    def stranger(self, target: str, *, certificate: bool) -> int:
        host, port = runner.addresses(self.consortium)[target].split(":")
        with contextlib.redirect_stdout(None):
            return stranger.main(host, port, "self-made" if certificate else "")

    def close(self) -> None:
        runner.down(self.consortium, remove=True)

    def _policy(self, party: str) -> Path:
        return self.consortium.root / "nodes" / party / "policy.toml"

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self.consortium.program(name).process.pid
        assert pid is not None
        os.kill(pid, number)


