"""`Runner`: a running consortium as scenarios see it, wherever its parties run.

Three kinds answer to it: all parties in this process (`in_process`), one OS process for each (`processes`), one
container for each (`contained`).  A scenario is written once; what a kind cannot do stands in its table `cannot`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Self

PARTIES: Final = ("bank-a", "bank-b", "bank-c", "bank-d")
COORDINATOR: Final = "coordinator"
END: Final = "end"  # in place of a step: when the node has its share of the result and has told nobody
THRESHOLD: Final = 2
QUORUM: Final = 3

KEPT: Final = ("state", "vault.key", "vault.mark")  # of a node, by its name in its folder

Facts = dict[str, Any]


class Outcome(NamedTuple):
    """How a command ended: its exit code, its standard output, its standard error."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Answer:
    """What a command with --json says: its exit code, and its document or its error."""

    code: int
    data: Any = None
    error: Facts = field(default_factory=dict)

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        if outcome.code == 0:
            return cls(0, json.loads(outcome.out or "null"))
        error: Facts = {"reason": "", "message": outcome.err, "party": ""}
        for line in outcome.err.splitlines():
            with suppress(ValueError, TypeError, KeyError):
                error = json.loads(line)["error"]
        return cls(outcome.code, None, error)

    @property
    def result(self) -> Facts:
        """What was computed; fails with the error when nothing was."""
        assert self.code == 0, self.error
        result: Facts = self.data["result"]
        return result

    @property
    def reason(self) -> str:
        return str(self.error.get("reason", ""))

    def names(self, party: str) -> bool:
        """Whether the error says that it is about this party."""
        return party in str(self.error)


class Runner(ABC):
    """A running consortium; `data` holds PARTY/DATASET.csv and the schemas."""

    kind: ClassVar[str]
    cannot: ClassVar[dict[str, str]] = {}  # name of a method: why there is none here
    moments: ClassVar[tuple[float, ...]] = (0.0, 0.05, 0.1, 0.2, 0.4)  # seconds into a computation, to kill somebody at
    data: Path

    def __init__(self) -> None:
        self._background = ThreadPoolExecutor(max_workers=8)

    @abstractmethod
    def ask(self, function: str, column: str, *, timeout: float = 120, **asked: Any) -> Answer:
        """`asked` are where, group_by, groups, length, epsilon and allow_missing, as the SDK takes them."""

    @abstractmethod
    def requester(self, *arguments: str, timeout: float = 120) -> Outcome:
        """The command line of a requester."""

    @abstractmethod
    def put(self, name: str, text: str) -> str:
        """A file on the requester's machine; its path there."""

    def requesting(self, *arguments: str, timeout: float = 120) -> Future[Outcome]:
        """`requester`, while the scenario goes on."""
        return self._background.submit(self.requester, *arguments, timeout=timeout)

    def asking(self, function: str, column: str, **asked: Any) -> Future[Answer]:
        """`ask`, while the scenario goes on."""
        return self._background.submit(self.ask, function, column, **asked)

    @abstractmethod
    def keep(self, function: str, name: str, **options: Any) -> Answer:
        """share, refresh, recover, reshare, audit or forget; `options` as the SDK takes them, `column` to share."""

    @abstractmethod
    def sharings(self) -> list[Facts]:
        """What `steelyard sharing list` shows."""

    @abstractmethod
    def computations(self) -> list[Facts]:
        """Newest first."""

    @abstractmethod
    def show(self, computation: str) -> Answer:
        """One computation, with its result when it is done."""

    @abstractmethod
    def import_rows(self, party: str, dataset: str) -> Answer:
        """Imports `data/PARTY/DATASET.csv` again."""

    @abstractmethod
    def waiting(self, party: str) -> list[Facts]:
        """Requests that wait for this owner."""

    @abstractmethod
    def decide(self, party: str, computation: str, *, approve: bool) -> Answer: ...

    @abstractmethod
    def models(self, party: str) -> dict[str, str]:
        """The hashes of the models that a party's node keeps, by name."""

    @abstractmethod
    def recall(self, party: str, model: str) -> str:
        """The hash of a model that a party's node has got from the others."""

    @abstractmethod
    def audit(self, party: str) -> Facts: ...

    @abstractmethod
    def set_policy(self, party: str, text: str) -> None:
        """Replaces an owner's policy file."""

    @abstractmethod
    def policy(self, party: str) -> str: ...

    @abstractmethod
    def kill(self, name: str) -> None:
        """As by a power cut."""

    @abstractmethod
    def start(self, name: str) -> None:
        """Starts a killed party again; returns when it is healthy."""

    @abstractmethod
    def logs(self, name: str) -> str: ...

    @abstractmethod
    def coordinator_state(self) -> bytes:
        """Every byte that the coordinator keeps."""

    @abstractmethod
    def stranger(self, target: str, *, certificate: bool) -> int:
        """0 when the server spoke to somebody without a certificate, or with a self-made one; 1 when it refused."""

    @abstractmethod
    def wipe(self, party: str) -> None:
        """A killed party's disk is lost, but for its keys and configuration; it is not started."""

    @abstractmethod
    def lend(self, party: str) -> None:
        """A killed party's disk is exchanged for an empty one, until `give_back`."""

    @abstractmethod
    def give_back(self, party: str) -> None: ...

    def spoil(self, party: str, name: str) -> None:
        """A value of a party's share of this sharing is another one from now on, sealed as well as before."""
        raise NotImplementedError

    def forget_dataset(self, party: str, dataset: str) -> None:
        """Its owner deletes it."""
        raise NotImplementedError

    def freeze(self, name: str) -> None:
        raise NotImplementedError

    def thaw(self, name: str) -> None:
        raise NotImplementedError

    def cut(self, one: str, other: str) -> None:
        """No byte passes between two parties any more."""
        raise NotImplementedError

    def mend(self, name: str) -> None:
        raise NotImplementedError

    def kill_at(self, party: str, step: str) -> None:
        """This party's next attempt ends in a power cut when it begins this step: nothing of it is sent any more."""
        raise NotImplementedError

    def died(self, party: str) -> bool:
        """Whether it came to the step of `kill_at`."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None: ...
