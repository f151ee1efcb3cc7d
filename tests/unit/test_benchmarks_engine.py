"""Benchmarks of the engine: what is counted is what happens, and messages that are late stay in order."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import cost, sweep
from benchmarks.counted import Count, counted
from benchmarks.jobs.compare import JOB
from benchmarks.measure import Setting
from benchmarks.systems.engine_party import Delayed
from benchmarks.systems.engine_programs import LAYER, PROGRAMS, gates
from steelyard.ids import PartyId
from steelyard.rounds import Protocol, broadcast, pipeline, run_locally
from steelyard.rpc.frames import Frame

A, B = PartyId("a"), PartyId("b")


def steps(party: PartyId, count: int) -> Protocol[int]:
    for _ in range(count):
        yield broadcast("step", bytes(10), {A, B} - {party})
    return count


def branching(party: PartyId) -> Protocol[list[int]]:
    yield from steps(party, 1)
    return (yield from pipeline((steps(party, count) for count in (2, 3)), 2))


def test_steps_side_by_side_count_as_those_of_the_longest_branch() -> None:
    count = Count()
    outputs = run_locally({A: counted(branching(A), count), B: branching(B)})
    assert outputs == {A: [2, 3], B: [2, 3]}
    assert len(count.steps) == 1 + 3
    assert (count.sent, count.received) == (60, 60)


def test_a_comparison_sends_what_its_header_says() -> None:
    """22 bytes at 2-of-3 on average; the first two parties are those that send most."""
    used = cost.counted_bytes(PROGRAMS["compare"], Setting("compare", 3, 2, 1 << 15))
    assert 22 < used.sent < 30
    assert used.memory > 2 * (used.aes + used.sent)


def test_an_and_gate_sends_one_bit_at_2_of_3() -> None:
    used = cost.counted_bytes(PROGRAMS["and"], Setting("and", 3, 2, 4 * LAYER))
    assert (used.sent, used.aes) == (1 / 8, 2 / 8)


def test_gates_come_in_layers() -> None:
    with pytest.raises(ValueError, match="layers"):
        gates(LAYER + 1)


def test_costs_are_compared_with_the_sum_of_what_they_take_at_least() -> None:
    least = cost.Bytes(aes=1.0, memory=2.0, sent=1.0)
    shown = cost.Cost("gate", 3, 2, 10, 8.0, cost.Bytes(1.0, 1.0, 1.0), least).to_json()
    assert (shown["floor_ns"], shown["times_floor"]) == (4.0, 2.0)


def test_a_sweep_is_over_parties_batches_and_delays() -> None:
    points = list(sweep.points(size=500, largest=1000))
    of = {name: [each for each in points if each.series == name] for name in ("parties", "batch", "delay")}
    assert [(each.setting.parties, each.setting.threshold) for each in of["parties"]] == [
        (3, 2),
        (5, 3),
        (7, 4),
        (9, 5),
    ]
    assert [each.setting.size for each in of["batch"]] == [1, 10, 100, 1000]
    assert [each.delay_ms for each in of["delay"]] == [0, 10, 50, 100]


async def test_late_messages_are_late_and_in_order() -> None:
    sessions, attempt = Delayed(0.05), bytes(16)
    mailbox = sessions.open(attempt, frozenset({A}), 100)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for offset in range(10):
        sessions.deliver(A, Frame(attempt, step="x", length=10, offset=offset, body=bytes([offset])))
    inbox = await mailbox.collect(0, 0, broadcast("x", b"", {A}), 5.0)
    assert bytes(inbox[A]) == bytes(range(10))  # a frame out of order would have been malformed
    assert loop.time() - began >= 0.05


def test_the_wanted_results_are_those_in_the_clear() -> None:
    assert set(JOB.expected(1000).tolist()) == {0, 1}
