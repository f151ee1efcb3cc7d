"""One container for each party: the consortium of deploy/compose.yaml as a runner."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import ClassVar, Self

from tests.cluster import samples
from tests.cluster.by_cli import CliRunner
from tests.cluster.containers import ContainerCluster
from tests.cluster.runner import COORDINATOR, KEPT, THRESHOLD, Answer, Outcome
from tests.cluster.timing import COORDINATOR_TIMING, NODE_TIMING

_SAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "config"
_DATASETS = ("marked", "vectors", "leaving", "lost")  # every import takes an owner's container seconds
_HOME = "/var/lib/steelyard"
_WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"


def _kept(party: str) -> str:
    """What of KEPT lies where on a volume: key and mark beside the node's identity."""
    return " ".join(each if each == "state" else f"nodes/{party}/{each}" for each in KEPT)


class Contained(CliRunner):
    """Started by `with`; needs a Docker engine and the image."""

    kind = "containers"
    cannot: ClassVar[dict[str, str]] = {
        "kill_at": "from outside nobody sees at which step a container is",
        "spoil": "what is sealed in a container is not opened from outside",
    }
    moments = (0.1,)  # a restart takes many seconds

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.cluster = ContainerCluster()
        self.data = samples.write(root / "data", _DATASETS)
        self._config = _config(root / "config")

    def __enter__(self) -> Self:
        try:
            self.cluster.up(threshold=THRESHOLD, data_dir=self.data, config_dir=self._config)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def steelyard(self, *arguments: str, timeout: float = 120) -> Outcome:
        return self.cluster.steelyard(*arguments, timeout=timeout)

    def put(self, name: str, text: str) -> str:
        self._executed("client", "python", "-c", _WRITE, f"/tmp/{name}", text)
        return f"/tmp/{name}"

    def owner(self, party: str, *arguments: str) -> Outcome:
        return self.cluster.owner(party, *arguments)

    def import_rows(self, party: str, dataset: str) -> Answer:
        schema = f"{_HOME}/schemas/{dataset}.schema.toml"
        arguments = ("data", "import", f"/data/{dataset}.csv", "--dataset", dataset, "--schema", schema)
        return Answer.of(self.owner(party, *arguments, "--json"))

    def policy(self, party: str) -> str:
        return self._executed(party, "cat", f"{_HOME}/policy.toml")

    def set_policy(self, party: str, text: str) -> None:
        self._executed(party, "python", "-c", _WRITE, f"{_HOME}/policy.toml", text)

    def kill(self, name: str) -> None:
        self.cluster.kill(name)

    def wipe(self, party: str) -> None:
        self.cluster.without(party, "/bin/rm", "-rf", f"{_HOME}/state")

    def lend(self, party: str) -> None:
        self._move(party, f"mkdir aside && mv {_kept(party)} aside")

    def give_back(self, party: str) -> None:
        sealing = f"aside/vault.key aside/vault.mark nodes/{party}/"
        self._move(party, f"rm -rf {_kept(party)} && mv {sealing} && mv aside/* . && rmdir aside")

    def _move(self, party: str, command: str) -> None:
        self.cluster.without(party, "sh", "-c", f"cd {_HOME} && {command}")

    def start(self, name: str) -> None:
        self.cluster.start(name)

    def freeze(self, name: str) -> None:
        self.cluster.pause(name)

    def thaw(self, name: str) -> None:
        self.cluster.unpause(name)

    def cut(self, one: str, other: str) -> None:
        self.cluster.disconnect(one, other)

    def mend(self, name: str) -> None:
        self.cluster.connect(name)

    def logs(self, name: str) -> str:
        return self.cluster.logs(name)

    def coordinator_state(self) -> bytes:
        return base64.b64decode(self._executed(COORDINATOR, "sh", "-c", f"cat {_HOME}/state/* | base64"))

    def stranger(self, target: str, *, certificate: bool) -> int:
        return self.cluster.stranger(target, certificate=certificate).code

    def close(self) -> None:
        self.cluster.down()

    def _executed(self, name: str, *command: str) -> str:
        outcome = self.cluster.execute(name, *command)
        assert outcome.code == 0, outcome.err
        return outcome.out


def _config(folder: Path) -> Path:
    """The samples of deploy/config with the scenarios' policy and timing."""
    folder.mkdir()
    (folder / "node.toml").write_text((_SAMPLES / "node.toml").read_text() + NODE_TIMING)
    front = (_SAMPLES / "coordinator.toml").read_text().partition("[timing]")[0]
    (folder / "coordinator.toml").write_text(front + COORDINATOR_TIMING)
    (folder / "policy.toml").write_text(samples.POLICY)
    return folder
