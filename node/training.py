"""What training leaves at a node: sums and votes of runs under way, so that they resume, and the models.

Files in folders that only the owner enters; each is there whole or not at all.  The sums of a run are known to all
nodes that took part; they are swept away with `forget` when there is a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Final

import msgspec

from steelyard.errors import Conflict, Invalid, NotFound
from steelyard.functions.means import Means
from steelyard.ids import ComputationId, PartyId, computation_id, identifier
from steelyard.learning.model import Card, read_model
from steelyard.protocols.training import Progress
from steelyard.storage.files import atomically, private_folder

_SUM: Final = ".sum"
_VOTE: Final = ".vote"
_MODEL: Final = ".npz"


@dataclass(frozen=True, slots=True)
class KeptSums:
    """`Checkpoints` of one computation."""

    folder: Path

    @classmethod
    def of(cls, state: Path, computation: ComputationId) -> KeptSums:
        return cls(private_folder(private_folder(state / "training") / computation_id(computation)))

    def latest(self) -> int:
        there = {int(file.stem) for file in self.folder.glob(f"*{_SUM}") if file.stem.isdigit()}
        return next(number for number in range(len(there) + 1) if number + 1 not in there)

    def read(self, number: int) -> bytes:
        return (self.folder / f"{number}{_SUM}").read_bytes()

    def keep(self, number: int, opened: bytes) -> None:
        with atomically(self.folder / f"{number}{_SUM}") as file:
            file.write(opened)

    def enter(self, step: str, survivors: Sequence[PartyId]) -> None:
        """Raises Conflict when this node voted for others in this step before, in any attempt."""
        file = self.folder / f"{hashlib.sha256(step.encode()).hexdigest()}{_VOTE}"
        if not file.exists():
            with atomically(file) as out:
                out.write(msgspec.json.encode(list(survivors)))
        elif (voted := msgspec.json.decode(file.read_bytes(), type=list[str])) != list(survivors):
            missing = ", ".join(sorted(set(voted) ^ set(survivors)))
            raise Conflict(
                f"the sum {step} may have been opened before over other parties, and both sums together would say what"
                f" {missing} brought: wait until the same parties are there, or begin a new training"
            )

    def forget(self) -> None:
        rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class KeptModels:
    """`Models`: this party's registry."""

    folder: Path

    @classmethod
    def of(cls, state: Path) -> KeptModels:
        return cls(private_folder(state / "models"))

    def keep(self, name: str, model: bytes) -> None:
        """A model of the same name takes the place of the one before."""
        read_model(model)
        with atomically(self._file(name)) as file:
            file.write(model)

    def names(self) -> list[str]:
        return sorted(file.stem for file in self.folder.glob(f"*{_MODEL}"))

    def cards(self) -> list[Card]:
        return [read_model(self.export(name)).card for name in self.names()]

    def export(self, name: str) -> bytes:
        """The file of a model.  Raises NotFound."""
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"this node keeps no model {name}") from None

    def delete(self, name: str) -> None:
        """Raises NotFound."""
        self.export(name)
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        try:
            return self.folder / f"{identifier(name, 'model')}{_MODEL}"
        except Invalid as error:
            raise NotFound(error.message) from None


@dataclass(frozen=True, slots=True)
class TrainedHere:
    """Both, below a node's state folder."""

    state: Path

    @property
    def models(self) -> KeptModels:
        return KeptModels.of(self.state)

    def offered(self, means: Means, computation: ComputationId, progress: Progress) -> Means:
        """What a run of this computation is offered besides."""
        checkpoints = KeptSums.of(self.state, computation)
        return replace(means, checkpoints=checkpoints, models=self.models, progress=progress)
