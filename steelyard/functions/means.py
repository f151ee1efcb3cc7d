"""Means: what a node has for its questions, beside shares: places on its disk, keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from typing import Protocol as Interface

from steelyard.ckks.worker import Workers
from steelyard.functions.intake import Intake
from steelyard.functions.past import Past
from steelyard.functions.shelves import Shelves
from steelyard.learning.trainer import TrainerProcess
from steelyard.protocols.resume import Checkpoints
from steelyard.protocols.training import Progress

Unseal = Callable[[bytes], bytes]  # opens what the requester sealed to this node; raises Malformed


class Models(Interface):
    """Where a node keeps the models that it helped to train."""

    def requester(self, name: str) -> str:
        """Who asked for the model of this name; empty where there is none."""

    def keep(self, name: str, model: bytes) -> None:
        """Durably (`steelyard.learning.model`); the same name and bytes again are the same model."""


@dataclass(frozen=True, slots=True)
class Means:
    """None for what a node does not have; a question that needs it refuses."""

    shelves: Shelves | None = None  # stored sharings
    intake: Intake | None = None  # of contributors without a node
    unseal: Unseal | None = field(default=None, repr=False)
    checkpoints: Checkpoints | None = None  # of a long computation, over its attempts
    models: Models | None = None
    requester: str = ""  # of this computation
    call: str = ""  # hex digest of what firms without a node agree to who answer it
    progress: Progress | None = None
    noted: Callable[[dict[str, Any]], None] | None = None  # what only the owner is told, in the node's log
    trainer: Callable[[str], TrainerProcess] | None = None  # a process of this name
    workers: Workers | None = None  # processes for encrypted computations
    past: Past | None = None  # what it has released to this requester
