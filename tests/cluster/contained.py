"""One container for each party: the consortium of deploy/compose.yaml as a runner."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar, Self

from tests.cluster import samples
from tests.cluster.containers import ContainerCluster
from tests.cluster.runner import COORDINATOR, PARTIES, THRESHOLD, Answer, CliRunner, Outcome
from tests.cluster.timing import COORDINATOR_TIMING, NODE_TIMING

_ROOT = Path(__file__).resolve().parents[2]
_SCHEMAS = "/var/lib/steelyard/schemas"


class Contained(CliRunner):
    """Started by `with`; needs a Docker engine and the image."""

    kind = "containers"
    cannot: ClassVar[dict[str, str]] = {"kill_at": "from outside nobody sees at which step a container is"}

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.cluster = ContainerCluster()
        self.data = samples.write(root / "data")
        self._config = _config(root / "config")
        # The engine's user reads what it mounts; the folders that pytest makes are for their owner only.
        self._shared = Path(tempfile.mkdtemp(prefix="steelyard-shared-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
