"""The encrypted division alone: as many ratios as SIZE, in one ciphertext, by the process that nodes use for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.measure import Sample, Setting
from steelyard.ckks import joint_key, samplers
from steelyard.ckks.division import normalised
from steelyard.ckks.encoding import encode
from steelyard.ckks.joint_key import JointKey, Reference
from steelyard.ckks.profiles import T
from steelyard.ckks.scheme import Quotient
from steelyard.ckks.worker import Worker
from steelyard.randomness import SystemRandomness

SEED: Final = b"division"


@dataclass(frozen=True)
class Divided:
    """A worker that has the key."""

    worker: Worker
    quotient: Quotient

    def run(self) -> Sample:
        began = time.perf_counter()
        self.worker.divide(self.quotient)
        return Sample(time.perf_counter() - began)


@dataclass(frozen=True)
class DivisionJob:
    name: str = "division"
    about: str = "SIZE encrypted ratios in one ciphertext, evaluated once; parties and threshold do not matter"
    size: int = T.slots
    runs: int = 10
    systems: tuple[str, ...] = ("steelyard",)
    most: Mapping[str, int] = field(default_factory=lambda: {"steelyard": T.slots})

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Divided]:
        key = _key()
        numbers = np.arange(1.0, T.slots + 1)
        stream, ring = SystemRandomness(), T.fresh
        pair = normalised(T.plan, numbers / numbers[::-1], stream)
        above, below = (
            key.encrypt(ring, encode(ring, each, T.scale), stream) for each in (pair.numerators, pair.denominators)
        )
        with Worker(T) as worker:
            worker.open(key)
            yield Divided(worker, Quotient([above], below))


def _key() -> JointKey:
    """Of one party, which is as good as any for what the evaluation costs."""
    stream, reference = SystemRandomness(), Reference(T, SEED)
    mine = joint_key.part(reference, T.keys.values_of(samplers.ternary(T.degree, stream)), stream)
    everybody = joint_key.sum_first(T, [mine.first()])
    return joint_key.joint_key(reference, everybody, [mine.second(everybody)])


JOB: Final = DivisionJob()
