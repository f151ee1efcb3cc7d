"""What long computations leave at a node: sums, states and votes of those under way, so that they resume, and models.

All of it lies in the vault.  Sums and states are erased when the result is on the disk, or none can come any more;
votes stay as long as the computation is remembered, so that no later attempt opens a sum over others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Final

import msgspec
import structlog

from steelyard import records
from steelyard.errors import Conflict, Failed, Invalid, NotFound
from steelyard.functions.means import Means
from steelyard.ids import ComputationId, PartyId, computation_id, identifier
from steelyard.learning.model import Card
from steelyard.learning.model_file import read_model
from steelyard.learning.trainer import TrainerProcess
from steelyard.protocols.training import Progress
from steelyard.vault.unit import Unit
from steelyard.vault.vault import Vault

log = structlog.get_logger(__name__)
TRAINER_SECONDS: Final = 600.0  # for a party's part of one round
_CHECKPOINT: Final = "checkpoint"
_SUMS: Final = "sums"
_VOTES: Final = "votes"
_MODEL: Final = "model"
_FILE: Final = "model"
_DIGITS: Final = 15  # of a time, so that names sort as times do
_VOTING: Final = Lock()  # an attempt that was cancelled may still be at its last step when the next one votes


class _Vote(msgspec.Struct, frozen=True):
    survivors: tuple[str, ...]
    after: str  # digest of the sums before, in hex


@dataclass(frozen=True, slots=True)
class KeptSums:
    """`Checkpoints` of one computation."""

    vault: Vault = field(repr=False)
    computation: ComputationId

    def latest(self) -> int:
        there = {int(name) for name in _files(self.vault, self._unit(_SUMS)) if name.isdigit()}
        return next(number for number in range(len(there) + 1) if number + 1 not in there)

    def read(self, number: int) -> bytes:
        return self.vault.read(self._unit(_SUMS), str(number))

    def keep(self, number: int, opened: bytes) -> None:
        self._write(_SUMS, str(number), opened)

    def voted(self, step: str) -> tuple[PartyId, ...]:
        vote = self._vote(step)
        return tuple(map(PartyId, vote.survivors)) if vote else ()

    def enter(self, step: str, survivors: Sequence[PartyId], after: bytes) -> None:
        """Raises Conflict when this node voted for others in this step, or after other sums, before: in any attempt."""
        vote = _Vote(tuple(survivors), after.hex())
        with _VOTING:
            before = self._vote(step)
            if before is None:
                self._write(_VOTES, _name(step), msgspec.json.encode(vote))
                return
        if before.after != vote.after:
            raise Conflict(
                f"the sum {step} may have been opened before, after other sums than those of this attempt, and both"
                " would have the same noise: begin a new training"
            )
        elif before != vote:
            missing = ", ".join(sorted(set(before.survivors) ^ set(survivors)))
            raise Conflict(
                f"the sum {step} may have been opened before over other parties, and both sums together would say what"
                f" {missing} brought: wait until the same parties are there, or begin a new training"
            )

    def _vote(self, step: str) -> _Vote | None:
        unit, file = self._unit(_VOTES), _name(step)
        if file not in _files(self.vault, unit):
            return None
        return records.from_json(self.vault.read(unit, file), _Vote)

    def forget(self, *, votes: bool = False) -> None:
        for part in (_SUMS, _VOTES) if votes else (_SUMS,):
            if self.vault.has(self._unit(part)):
                self.vault.destroy(self._unit(part))

    def _unit(self, part: str) -> Unit:
        return Unit(_CHECKPOINT, computation_id(self.computation), part)

    def _write(self, part: str, file: str, content: bytes) -> None:
        if not self.vault.has(self._unit(part)):
            self.vault.create(self._unit(part))
        self.vault.write(self._unit(part), file, [content])


class Kept(msgspec.Struct, frozen=True):
    """A model of this party."""

    card: Card
    digest: str
    size: int  # bytes
    kept_ms: int


@dataclass(frozen=True, slots=True)
class KeptModels:
    """`Models`: this party's registry.  A unit of the vault for each; of two with one name the newer counts."""

    vault: Vault = field(repr=False)
    now_ms: Callable[[], int]

    def keep(self, name: str, model: bytes) -> None:
        """A model of the same name takes the place of the one before."""
        read_model(model)
        units = self._units(identifier(name, _MODEL))
        last = int(units[-1].version) + 1 if units else 0
        unit = Unit(_MODEL, name, f"{max(self.now_ms(), last):0{_DIGITS}d}")
        self.vault.create(unit)
        try:
            self.vault.write(unit, _FILE, [model])
        except Failed:
            self.vault.destroy(unit)
            raise
        for each in units:
            self.vault.destroy(each)

    def requester(self, name: str) -> str:
        return self.show(name).card.requester if self._units(name) else ""

    def list(self) -> list[Kept]:
        return [self.show(name) for name in sorted({unit.name for unit in self.vault.units(_MODEL)})]

    def show(self, name: str) -> Kept:
        """Raises NotFound."""
        return self.both(name)[0]

    def export(self, name: str) -> bytes:
        """The file of a model.  Raises NotFound."""
        return self.vault.read(self._unit(name), _FILE)

    def both(self, name: str) -> tuple[Kept, bytes]:
        """What there is to say of a model, and its file.  Raises NotFound."""
        unit = self._unit(name)
        model = self.vault.read(unit, _FILE)
        return Kept(read_model(model).card, hashlib.sha256(model).hexdigest(), len(model), int(unit.version)), model

    def delete(self, name: str) -> None:
        """Raises NotFound."""
        self._unit(name)
        for each in self._units(name):
            self.vault.destroy(each)

    def _unit(self, name: str) -> Unit:
        try:
            return self._units(identifier(name, _MODEL))[-1]
        except (IndexError, Invalid):
            raise NotFound(f"this node keeps no model {name[:60]!r}") from None

    def _units(self, name: str) -> Sequence[Unit]:
        """In the order in which they were kept."""
        return [unit for unit in self.vault.units(_MODEL) if unit.name == name]


@dataclass(frozen=True, slots=True)
class TrainedHere:
    """Both, in a node's vault."""

    vault: Vault = field(repr=False)
    now_ms: Callable[[], int]

    @property
    def models(self) -> KeptModels:
        return KeptModels(self.vault, self.now_ms)

    def offered(self, means: Means, computation: ComputationId, progress: Progress) -> Means:
        """What a run of this computation is offered besides."""
        noted = partial(log.info, "training_here", computation=computation)
        return replace(
            means,
            checkpoints=KeptSums(self.vault, computation),
            models=self.models,
            progress=progress,
            noted=lambda found: noted(**found),
            trainer=lambda name: TrainerProcess([name], TRAINER_SECONDS),
        )

    def settled(self, computation: str) -> None:
        """Its result is on the disk, or none will come: no attempt needs the sums any more."""
        KeptSums(self.vault, ComputationId(computation)).forget()

    def sweep(self, known: Callable[[str], bool], waits: Callable[[str], bool]) -> None:
        """Erases what belongs to computations that nobody remembers, the sums of those that no attempt `waits` for, and
        what a crash left without a file.
        """
        for unit in self._left(known, waits):
            self.vault.destroy(unit)

    def _left(self, known: Callable[[str], bool], waits: Callable[[str], bool]) -> Iterator[Unit]:
        for unit in self.vault.units(_CHECKPOINT):
            needed = waits if unit.version == _SUMS else known
            if not needed(unit.name) or not self.vault.files(unit):
                yield unit
        yield from (unit for unit in self.vault.units(_MODEL) if not self.vault.files(unit))


def _files(vault: Vault, unit: Unit) -> Collection[str]:
    return vault.files(unit) if vault.has(unit) else ()


def _name(step: str) -> str:
    return f"v{hashlib.sha256(step.encode()).hexdigest()}"
