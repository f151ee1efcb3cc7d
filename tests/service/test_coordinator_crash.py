"""Killed at any step, the coordinator finishes what it had accepted, or ends it cleanly."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from coordinator import app, attempt, scheduler
from coordinator.clock import now_ms
from coordinator.lifecycle import State
from coordinator.store import Store
from steelyard.errors import Cheated, Failed
from steelyard.v1 import types_pb2
from tests.service.fakes import PARTIES, SOON_MISSING, World, abandon, fail, hang, pending, until, world

DONE = types_pb2.COMPUTATION_STATE_DONE
ABORTED = types_pb2.COMPUTATION_STATE_ABORTED


class Trap:
    """Stops the coordinator for good where it is set: what comes after that point does not happen."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.missing = 1  # who have still to come here

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.missing -= 1
        if not self.missing:
            self.reached.set()
        await asyncio.sleep(3600)


def before_the_nodes_are_asked(w: World, trap: Trap, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(w.app.scheduler._proposals, "ask", trap)


def before_an_attempt(w: World, trap: Trap, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scheduler.Scheduler, "_attempt", trap)


def before_a_result_is_fetched(w: World, trap: Trap, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(attempt.Attempt, "_collect", trap)
    trap.missing = len(PARTIES)  # each node has its result by then


def before_the_end_is_noted(w: World, trap: Trap, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(w.app.scheduler, "_end", trap)


def before_the_end_is_stored(w: World, trap: Trap, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(w.app.registry, "finish", trap)


STEPS = [
    before_the_nodes_are_asked,
    before_an_attempt,
    before_a_result_is_fetched,
    before_the_end_is_noted,
    before_the_end_is_stored,
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
async def test_a_computation_is_finished_after_a_kill(tmp_path: Path, step: Any) -> None:
    async with world(tmp_path) as w:
        trap = Trap()
        with pytest.MonkeyPatch.context() as patch:
            step(w, trap, patch)
            created = await w.create()
            await trap.reached.wait()
            await abandon(w.app)
        await w.begin_again()
        ended = await w.ended(created)
        assert ended.state == DONE
        await until(lambda: not w.app.registry.live)
        stored = await w.app.registry.find(created.id)
        assert stored is not None
        assert stored.state is State.DONE
        assert {each.party for each in w.app.store.results(created.id)} == set(PARTIES)


async def test_what_the_nodes_have_finished_is_fetched_and_not_run_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        trap = Trap()
        with pytest.MonkeyPatch.context() as patch:
            before_the_end_is_stored(w, trap, patch)
            created = await w.create()
            await trap.reached.wait()
            await abandon(w.app)
        await w.begin_again()
        assert (await w.ended(created)).state == DONE
        assert [len(node.runs) for node in w.nodes.values()] == [1, 1, 1]


async def test_a_kill_in_the_middle_of_an_attempt_leads_to_a_new_one(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.acts = [hang, *node.acts]
        created = await w.create()
        await until(lambda: all(node.runs for node in w.nodes.values()))
        await w.restart()
        assert (await w.ended(created)).state == DONE
        assert all(len({run.attempt for run in node.runs}) == 2 for node in w.nodes.values())


def an_hour_passes(patch: pytest.MonkeyPatch) -> None:
    """For the coordinator."""
    patch.setattr(scheduler, "now_ms", lambda: now_ms() + 3_600_000)


async def test_a_request_that_expired_while_the_coordinator_was_down_ends_cleanly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-a"].answers = [pending()]
        created = await w.create()
        await abandon(w.app)
        an_hour_passes(monkeypatch)
        await w.begin_again()
        ended = await w.ended(created)
        assert (ended.state, ended.failure.reason) == (ABORTED, "TIMED_OUT")


async def test_a_computation_finished_by_the_nodes_is_done_even_after_its_expiry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-a"].answers = [pending()]
        signed = w.request()
        created = await w.create(signed)
        await abandon(w.app)
        for node in w.nodes.values():
            node.seal(created.id, signed)
        an_hour_passes(monkeypatch)
        await w.begin_again()
        assert (await w.ended(created)).state == DONE


async def test_participants_that_may_have_signed_stay_the_same_after_a_kill(tmp_path: Path) -> None:
    parties = ("bank-a", "bank-b", "bank-c", "bank-d")
    async with world(tmp_path, timing=SOON_MISSING, parties=parties, down=("bank-c",)) as w:
        for party in ("bank-a", "bank-b", "bank-d"):
            w.nodes[party].acts = [hang, *w.nodes[party].acts]
        created = await w.create(allow_missing=True)
        await until(lambda: all(w.nodes[party].runs for party in ("bank-a", "bank-b", "bank-d")))
        await w.nodes["bank-c"].start()
        await w.restart()
        assert (await w.ended(created)).state == DONE
        assert w.nodes["bank-c"].runs == []


async def test_a_computation_that_was_never_recorded_can_be_handed_in_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        signed = w.request()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(w.app.store, "create", _no_disk)
            with pytest.raises(Exception, match="full"):
                await w.create(signed)
        assert w.app.registry.live == {}
        assert (await w.ended(await w.create(signed))).state == DONE


async def test_what_has_ended_survives_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scheduler, "STORE_SECONDS", 0.05)
            patch.setattr(w.app.store, "save", _no_disk)
            ended = await w.asked()
            assert ended.state == DONE
            assert ended.id in w.app.registry.live
        await until(lambda: ended.id not in w.app.registry.live)
        stored = await w.app.registry.find(ended.id)
        assert stored is not None
        assert stored.state is State.DONE


async def test_nodes_are_looked_at_though_a_disk_was_full_for_a_while(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        entries, tried = w.app.directory.entries, list[str]()

        def full(party: str, *_: Any) -> None:
            tried.append(party)
            _no_disk()

        await until(lambda: all(each.stored_ms for each in entries.values()))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(w.app.store, "describe", full)
            for each in entries.values():
                each.stored_ms = 0
            await until(lambda: all(tried.count(party) > 1 for party in PARTIES))
        await until(lambda: all(each.stored_ms for each in entries.values()))
        await w.nodes["bank-b"].kill()
        await until(lambda: not entries["bank-b"].reachable)


async def test_what_is_old_is_forgotten_though_a_disk_was_full_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def full(store: Store, before_ms: int) -> None:
        tried.append(before_ms)
        _no_disk()

    async with world(tmp_path) as w:
        monkeypatch.setattr(app, "PURGE_SECONDS", 0.02)
        monkeypatch.setattr(Store, "purge", full)
        await w.restart()
        await until(lambda: len(tried) > 1)


async def test_failures_and_attempts_are_remembered_over_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-b"].acts = [fail(Cheated("bank-c lies", culprits=["bank-c"]))]
        before = await w.asked()
        await until(lambda: not w.app.registry.live)
        await w.restart()
        after = await w.ended(before)
        assert after == before


def _no_disk(*_: Any) -> None:
    raise Failed("the disk is full")
