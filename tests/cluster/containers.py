"""`ContainerCluster`: the consortium of `deploy/compose.yaml` as a test drives it.

Every cluster is a compose project of its own, so clusters do not meet.  Each takes eleven of the engine's networks;
Docker's default address pools have room for two at a time.  Needs the image (`scripts/build_image.sh`).
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from tests.cluster.runner import Outcome

BANKS: Final = ("bank-a", "bank-b", "bank-c", "bank-d")
CLIENT: Final = "client"
COORDINATOR: Final = "coordinator"
COORDINATOR_PORT: Final = 7400
NODE_PORT: Final = 7443

_ROOT: Final = Path(__file__).resolve().parents[2]
_COMPOSE_FILE: Final = _ROOT / "deploy" / "compose.yaml"
_LABEL: Final = "com.docker.compose"
_HARDENED: Final = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


class ContainerCluster:
    """Containers of up to four banks, a coordinator and an analyst's client.  Times are in seconds.

    Every method ends within its timeout, by TimeoutError if it must; RuntimeError means that Docker itself said no.
    A name is a service of the compose file: `bank-a`, `coordinator`, `client`.
    """

    def __init__(self, image: str = "") -> None:
        self.project = f"steelyard-{secrets.token_hex(4)}"
        self.parties: tuple[str, ...] = ()
        self._variables = {"STEELYARD_IMAGE": image} if image else {}
        self._image = image or "steelyard:local"
        self._cut: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(
        self,
        parties: int | Sequence[str] = BANKS,
        threshold: int = 2,
        data_dir: Path | None = None,
        config_dir: Path | None = None,
        timeout: float = 240,
    ) -> None:
        """Starts everything; returns when all are healthy and every owner has imported `data_dir/<party>/*`.

        `config_dir` holds node.toml, policy.toml and coordinator.toml; by default it is deploy/config.
        """
        self.parties = BANKS[:parties] if isinstance(parties, int) else tuple(parties)
        if len(self.parties) < 2 or not set(self.parties) <= set(BANKS):
            raise ValueError(f"parties are two or more of {', '.join(BANKS)}")
        self._variables |= {"STEELYARD_PARTIES": ",".join(self.parties), "STEELYARD_THRESHOLD": str(threshold)}
        if data_dir is not None:
            self._variables["STEELYARD_DATA"] = str(data_dir.resolve())
        if config_dir is not None:
            self._variables["STEELYARD_CONFIG_DIR"] = str(config_dir.resolve())
        deadline = time.monotonic() + timeout
        owners = [f"owner-{party}" for party in self.parties]
        self._compose("up", "--detach", COORDINATOR, *self.parties, *owners, CLIENT, timeout=timeout)
        for name in (COORDINATOR, *self.parties):
            self.wait_healthy(name, deadline - time.monotonic())
        for name in owners:
            self._wait_succeeded(name, deadline - time.monotonic())

    def steelyard(self, *arguments: str, timeout: float = 120) -> Outcome:
        """Runs the command line as the analyst, in the client's container; STEELYARD_PROFILE is set there."""
        return self.execute(CLIENT, "steelyard", *arguments, timeout=timeout)

    def owner(self, party: str, *arguments: str, timeout: float = 120) -> Outcome:
        """Runs the command line as the owner of a party's node, in a container beside it; /data is the party's data."""
        run = ("run", "--rm", "--no-deps", "-T", f"owner-{party}", "steelyard")
        return self._run([*self._composer(), *run, *arguments], timeout)

    def execute(self, name: str, *command: str, timeout: float = 120) -> Outcome:
        """Runs a command in a running container."""
        return self._run(["docker", "exec", self._container(name), *command], timeout)

    def kill(self, name: str) -> None:
        """SIGKILL, as by a power cut; the volume stays."""
        self._docker("kill", "--signal", "KILL", self._container(name))

    def without(self, name: str, *command: str) -> None:
        """Runs a command on the volume of a killed container."""
        volumes = ["--volumes-from", self._container(name), "--network", "none"]
        self._docker("run", "--rm", *volumes, *_HARDENED, self._image, *command)

    def start(self, name: str, timeout: float = 120) -> None:
        """Starts a killed container again and waits until it is healthy."""
        self._docker("start", self._container(name))
        if name != CLIENT:
            self.wait_healthy(name, timeout)

    def pause(self, name: str) -> None:
        """Freezes every process of a container: it holds its connections and says nothing."""
        self._docker("pause", self._container(name))

    def unpause(self, name: str) -> None:
        self._docker("unpause", self._container(name))

    def disconnect(self, name: str, *peers: str) -> None:
        """Cuts a container's lines to `peers`, or all its lines when none is named."""
        container = self._container(name)
        lines = [self._line(name, peer) for peer in peers] if peers else sorted(self._networks(container))
        for line in lines:
            self._docker("network", "disconnect", line, container)
            self._cut.setdefault(name, []).append(line)

    def connect(self, name: str) -> None:
        """Mends every line that `disconnect` cut for this name."""
        for line in self._cut.pop(name, []):
            self._docker("network", "connect", "--alias", name, line, self._container(name))

    def stranger(self, target: str = COORDINATOR, *, certificate: bool = False, timeout: float = 120) -> Outcome:
        """Somebody on a line of `target` talks to it with no certificate, or with a self-made one in bank-a's name.

        The code is 0 when the server spoke to the stranger, 1 when it refused, 2 when it was not reached.
        """
        line = self._line(CLIENT if target == COORDINATOR else target, COORDINATOR)
        container = f"{self.project}-stranger-{secrets.token_hex(4)}"
        place = ["--name", container, "--network", line, *_HARDENED, self._image]
        try:
            return self._visit(["run", "--rm", *place], target, "self-made" if certificate else "", timeout)
        except TimeoutError:
            self._docker("rm", "--force", container)
            raise

    def acquaintance(self, timeout: float = 120) -> Outcome:
        """The same visit to the coordinator by the analyst: what a stranger's would be with the right certificate."""
        home = "/var/lib/steelyard/requesters/analyst"
        return self._visit(["exec", self._container(CLIENT)], COORDINATOR, home, timeout)

    def logs(self, name: str) -> str:
        """Both output streams of a container since it was made."""
        outcome = self._run(["docker", "logs", self._container(name)], 30)
        return outcome.out + outcome.err

    def serves(self, name: str) -> bool:
        """Whether the health check of the image says so, asked now; Docker itself asks twice a minute."""
        check = json.loads(
            self._docker("inspect", "--format", "{{json .Config.Healthcheck.Test}}", self._container(name))
        )
        return self.execute(name, *check[1:]).code == 0

    def wait_healthy(self, name: str, timeout: float = 120) -> None:
        """Returns once the container is healthy; raises RuntimeError with the end of its log when it has stopped."""
        deadline = time.monotonic() + timeout
        while not self.serves(name):
            if self._docker("inspect", "--format", "{{.State.Running}}", self._container(name)) != "true":
                raise RuntimeError(f"{name} stopped; its log ends with: {self.logs(name)[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is not healthy still; its log ends with: {self.logs(name)[-2000:]}")
            time.sleep(0.2)

    def down(self, timeout: float = 120) -> None:
        """Removes the containers, networks and volumes of this cluster, in whatever state they are."""
        self._compose("down", "--volumes", "--remove-orphans", "--timeout", "1", timeout=timeout)

    def _visit(self, where: list[str], target: str, holding: str, timeout: float) -> Outcome:
        program = (Path(__file__).parent / "stranger.py").read_text()
        port = COORDINATOR_PORT if target == COORDINATOR else NODE_PORT
        how = [where[0], "--interactive", *where[1:]]
        return self._run(["docker", *how, "python", "-", target, str(port), holding], timeout, program)

    def _wait_succeeded(self, name: str, timeout: float) -> None:
        code = self._docker("wait", self._container(name), timeout=timeout)
        if code != "0":
            raise RuntimeError(f"{name} ended with {code}: {self.logs(name)[-2000:]}")

    def _container(self, name: str) -> str:
        labels = {"project": self.project, "service": name, "oneoff": "False"}
        filters = [part for key, value in labels.items() for part in ("--filter", f"label={_LABEL}.{key}={value}")]
        found = self._docker("ps", "--all", "--quiet", "--no-trunc", *filters).split()
        if len(found) != 1:
            raise RuntimeError(f"{len(found)} containers of {self.project} are called {name}")
        return found[0]

    def _networks(self, container: str) -> Mapping[str, object]:
        networks: dict[str, object] = json.loads(
            self._docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container)
        )
        return networks

    def _line(self, name: str, peer: str) -> str:
        """The network between two names, as the compose file calls it."""
        if COORDINATOR in (name, peer):
            other = peer if name == COORDINATOR else name
            return f"{self.project}_{'analyst' if other == CLIENT else other}-operator"
        return f"{self.project}_{min(name, peer)}-{max(name, peer)}"

    def _composer(self) -> list[str]:
        plugin = self._run(["docker", "compose", "version"], 30).code == 0
        program = ["docker", "compose"] if plugin else ["docker-compose"]
        return [*program, "--ansi", "never", "--project-name", self.project, "--file", str(_COMPOSE_FILE)]

    def _compose(self, *arguments: str, timeout: float) -> str:
        return self._succeed([*self._composer(), *arguments], timeout)

    def _docker(self, *arguments: str, timeout: float = 120) -> str:
        return self._succeed(["docker", *arguments], timeout)

    def _succeed(self, command: list[str], timeout: float) -> str:
        outcome = self._run(command, timeout)
        if outcome.code:
            raise RuntimeError(f"{' '.join(command)} ended with {outcome.code}: {outcome.err[-2000:]}")
        return outcome.out.strip()

    def _run(self, command: list[str], timeout: float, text: str | None = None) -> Outcome:
        environment = {**os.environ, **self._variables}
        try:
            done = subprocess.run(
                command,
                input=text,
                stdin=subprocess.DEVNULL if text is None else None,
                capture_output=True,
                text=True,
                timeout=max(timeout, 0.1),
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{' '.join(command)} did not end within {timeout:.0f} s") from None
        return Outcome(done.returncode, done.stdout, done.stderr)
