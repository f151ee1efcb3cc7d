"""What an AND gate and a comparison cost, next to what they cannot cost less than on this machine.

The least is the time for the bytes that a party draws from AES, moves through memory and sends, each at the speed that
this machine shows when all parties do nothing but that, at once, in the same processes.  What is drawn and sent is
counted by playing the protocol in this process.  Of memory only what cannot be avoided is counted: operands are read,
results written, and every byte that is drawn, sent or received is written once and read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from benchmarks.circuit import Circuit
from benchmarks.counted import Count, counted
from benchmarks.floors import OURS
from benchmarks.inputs import Values
from benchmarks.jobs import compare
from benchmarks.measure import Report, Setting, measure
from benchmarks.rehearsal import attempts
from benchmarks.systems.engine_programs import LAYER, PROGRAMS, Program, gates, meet
from steelyard.errors import SteelyardError
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.circle import Circle
from steelyard.randomness import Keystream
from steelyard.rounds import Protocol, run_locally
from steelyard.sharing.streams import Streams

PROBE: Final = 1 << 24  # bytes
GATES: Final = 1024 * LAYER


def _and(size: int) -> Values:
    left, right = gates(size)
    return np.unpackbits((left & right).reshape(-1).view(np.uint8), bitorder="little").astype(np.int64)


AND: Final = Circuit("and", "SIZE AND gates in layers", GATES, 5, "and", _and)
PROBES: Final = {
    name: Circuit(name, name, PROBE, 5, name, lambda size: np.array([size])) for name in ("aes", "copy", "transfer")
}


@dataclass(frozen=True, slots=True)
class Bytes:
    """Of the party with the most."""

    aes: float
    memory: float
    sent: float


@dataclass(frozen=True, slots=True)
class Cost:
    """One unit of work: nanoseconds, its bytes, and the nanoseconds that these take at least."""

    unit: str
    parties: int
    threshold: int
    size: int
    ns: float
    bytes: Bytes
    least_ns: Bytes

    @property
    def least(self) -> float:
        return self.least_ns.aes + self.least_ns.memory + self.least_ns.sent

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "floor_ns": self.least, "times_floor": self.ns / self.least}


def costs(parties: int, threshold: int, size: int, runs: int, report: Report) -> tuple[dict[str, float], list[Cost]]:
    """This machine's bytes per second, and what `size` comparisons and a fixed number of gates come to."""
    speeds = {name: PROBE / _seconds(job, parties, threshold, PROBE, runs, report) for name, job in PROBES.items()}
    speeds["copy"] *= 2  # it reads and writes
    found = []
    for unit, job, count in (("AND gate", AND, GATES), ("comparison", compare.JOB, size)):
        seconds = _seconds(job, parties, threshold, count, runs, report)
        used = counted_bytes(PROGRAMS[job.program], Setting(job.name, parties, threshold, count))
        found.append(Cost(unit, parties, threshold, count, seconds / count * 1e9, used, _least(used, speeds)))
    return speeds, found


def counted_bytes(program: Program, setting: Setting) -> Bytes:
    """For one value."""
    drawn: dict[PartyId, Drawn] = {}
    counts: dict[PartyId, Count] = {}
    protocols = {}
    for context in attempts(setting):
        drawn[context.me], counts[context.me] = Drawn(), Count()
        protocols[context.me] = _played(context, program, setting.size, drawn[context.me], counts[context.me])
    moved = []
    for party, outcome in run_locally(protocols).items():
        if isinstance(outcome, SteelyardError):
            raise outcome
        streamed = drawn[party].bytes + counts[party].sent + counts[party].received
        moved.append((drawn[party].bytes, outcome + 2 * streamed, counts[party].sent))
    return Bytes(*(max(column) / setting.size for column in zip(*moved, strict=True)))


@dataclass
class Drawn:
    """What one party has drawn from its streams."""

    bytes: int = 0


class _Stream(Keystream):
    def __init__(self, stream: Keystream, drawn: Drawn) -> None:
        self._stream = stream
        self._drawn = drawn

    def bytes(self, count: int) -> bytearray:
        self._drawn.bytes += count
        return self._stream.bytes(count)

    def fill(self, zeros: memoryview) -> None:
        self._drawn.bytes += zeros.nbytes
        self._stream.fill(zeros)


class _Streams(Streams):
    def __init__(self, streams: Streams, drawn: Drawn) -> None:
        self._streams = streams
        self._drawn = drawn

    def open(self, kind: str, lane: str, dealer: PartyId, receivers: frozenset[PartyId]) -> Keystream:
        return _Stream(self._streams.open(kind, lane, dealer, receivers), self._drawn)


def _played(context: Attempt, program: Program, size: int, drawn: Drawn, count: Count) -> Protocol[int]:
    """Bytes of operands and result."""
    circle = yield from meet(context)
    watched = Circle(circle.me, circle.parties, circle.points, circle.threshold, _Streams(circle._streams, drawn))
    prepared = program.prepare(context, size)
    result = yield from counted(program.compute(watched, prepared), count)
    return sum(each.nbytes for each in prepared) + int(result.nbytes)


def _seconds(job: Circuit, parties: int, threshold: int, size: int, runs: int, report: Report) -> float:
    (row,) = measure(job, Setting(job.name, parties, threshold, size), [OURS], runs, report)
    return row.seconds


def _least(used: Bytes, speeds: Mapping[str, float]) -> Bytes:
    """Nanoseconds."""
    return Bytes(
        aes=used.aes / speeds["aes"] * 1e9,
        memory=used.memory / speeds["copy"] * 1e9,
        sent=used.sent / speeds["transfer"] * 1e9,
    )
