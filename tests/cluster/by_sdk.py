"""A consortium in a directory of this machine, reached by the SDK."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clients.cli.output import described
from clients.local.layout import LocalConsortium
from clients.local.prepare import loopback_plan, prepare
from clients.sdk import Client
from clients.sdk.owner import Owner
from steelyard.errors import SteelyardError
from steelyard.identity import files
from tests.cluster import samples, stranger
from tests.cluster.runner import COORDINATOR, KEPT, PARTIES, THRESHOLD, Answer, Facts, Outcome, Runner
from tests.cluster.timing import COORDINATOR_TIMING, NODE_TIMING
from tests.disk import contents


class SdkRunner(Runner):
    """`root/consortium` is the profile, `root/data` what its owners have."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root / "consortium"
        self.data = samples.write(root / "data")
        self.consortium = LocalConsortium.at(self.root)

    def prepare(self) -> None:
        """Keys, manifest, configuration and policies."""
        prepare(self.consortium, loopback_plan(PARTIES, THRESHOLD))
        for program in self.consortium.programs():
            extra = COORDINATOR_TIMING if program.name == COORDINATOR else NODE_TIMING
            with program.config.open("a") as file:
                file.write(extra)
            if program.name != COORDINATOR:
                self.set_policy(program.name, samples.POLICY)

    def import_everything(self) -> None:
        for party in PARTIES:
            for file in sorted((self.data / party).glob("*.csv")):
                assert self.import_rows(party, file.stem).code == 0

    def ask(self, function: str, column: str, *, timeout: float = 120, **asked: Any) -> Answer:
        if function == "score":
            return self._score(timeout=timeout, **asked)
        with self.client() as client:
            return _answered(lambda: client.ask(function, column, timeout=timeout, **asked).to_json())

    def requester(self, *arguments: str, timeout: float = 120) -> Outcome:
        command = (sys.executable, "-m", "clients.cli", "--profile", str(self.root), *arguments)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        return Outcome(ended.returncode, ended.stdout, ended.stderr)

    def put(self, name: str, text: str) -> str:
        path = self.root.parent / name
        path.write_text(text)
        return str(path)

    def keep(self, function: str, name: str, **options: Any) -> Answer:
        column = options.pop("column", f"@{name}")
        if function == "share":
            options["name"] = name
        return self.ask(function, column, options=options)

    def sharings(self) -> list[Facts]:
        with self.client() as client:
            return [each.to_json() for each in client.sharings()]

    def wipe(self, party: str) -> None:
        shutil.rmtree(self._home(party) / "state")

    def lend(self, party: str) -> None:
        home = self._home(party)
        (home / "aside").mkdir()
        for name in KEPT:
            (home / name).rename(home / "aside" / name)

    def give_back(self, party: str) -> None:
        home = self._home(party)
        self.wipe(party)
        for name in KEPT:
            (home / "aside" / name).rename(home / name)
        (home / "aside").rmdir()

    def _home(self, party: str) -> Path:
        return self.root / "nodes" / party

    def forget_dataset(self, party: str, dataset: str) -> None:
        with self.owned(party) as owner:
            owner.delete_dataset(dataset)

    def _score(self, *, options: Facts, **asked: Any) -> Answer:
        with self.client() as client:
            return _answered(lambda: client.score(options["weights"], **asked).to_json())

    def client(self) -> Client:
        return Client.from_profile(self.root)

    def owned(self, party: str) -> Owner:
        return Owner(self.root, party)

    def computations(self) -> list[Facts]:
        with self.client() as client:
            return [each.to_json() for each in client.list()]

    def show(self, computation: str) -> Answer:
        with self.client() as client:
            shown = client.get(computation)
            result = client.results(computation).to_json()["result"] if shown.state == "DONE" else None
        return Answer(0, shown.to_json() | {"result": result})

    def import_rows(self, party: str, dataset: str) -> Answer:
        path, schema = self.data / party / f"{dataset}.csv", self.data / f"{dataset}.schema.toml"
        with self.owned(party) as owner:
            return _answered(lambda: owner.import_dataset(path, dataset, schema).to_json())

    def waiting(self, party: str) -> list[Facts]:
        with self.owned(party) as owner:
            return [each.to_json() for each in owner.requests(pending_only=True)]

    def decide(self, party: str, computation: str, *, approve: bool) -> Answer:
        with self.owned(party) as owner:
            return _answered(lambda: (owner.approve if approve else owner.refuse)(computation).to_json())

    def models(self, party: str) -> dict[str, str]:
        with self.owned(party) as owner:
            return {each.name: each.digest for each in owner.models()}

    def recall(self, party: str, model: str) -> str:
        with self.owned(party) as owner:
            return owner.recall_model(model).digest

    def audit(self, party: str) -> Facts:
        with self.owned(party) as owner:
            return owner.audit(limit=1000).to_json()

    def policy(self, party: str) -> str:
        return self._policy(party).read_text()

    def set_policy(self, party: str, text: str) -> None:
        files.replace(self._policy(party), text.encode())  # a node may read it at any moment

    def coordinator_state(self) -> bytes:
        return b"".join(contents(self.root / "coordinator" / "state").values())

    def stranger(self, target: str, *, certificate: bool) -> int:
        host, port = self.address(target).split(":")
        with contextlib.redirect_stdout(None):
            return stranger.main(host, port, "self-made" if certificate else "")

    def address(self, name: str) -> str:
        with self.client() as client:
            membership = client.desk.membership
        return membership.coordinator_address if name == COORDINATOR else membership.address(name)

    def _policy(self, party: str) -> Path:
        return self._home(party) / "policy.toml"


def _answered(work: Callable[[], Any]) -> Answer:
    try:
        return Answer(0, work())
    except SteelyardError as error:
        return Answer(error.exit_code, None, described(error))
