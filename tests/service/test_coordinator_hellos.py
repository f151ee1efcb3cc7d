"""The coordinator brings back the hellos that came with the approvals, all or none; short results come unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator import proposals
from coordinator.config import Limits
from steelyard.documents.signed import Signed
from steelyard.errors import Failed
from steelyard.rpc import codec
from steelyard.v1 import coordinator_pb2 as pb
from steelyard.v1 import node_pb2, types_pb2
from tests.service.fakes import PARTIES, SOON_MISSING, FakeNode, World, approved, fail, finish, pending, world

DONE = types_pb2.COMPUTATION_STATE_DONE


def greeting(w: World, *silent: str) -> dict[str, list[node_pb2.ProposeRequest]]:
    """From now on the nodes say hello when they approve, but for the silent ones; what they are asked."""
    asked: dict[str, list[node_pb2.ProposeRequest]] = {party: [] for party in w.nodes}

    def speak(node: FakeNode) -> None:
        propose = node.Propose

        async def answer(request: node_pb2.ProposeRequest, context: Any) -> node_pb2.ProposeResponse:
            asked[node.party].append(request)
            said = node_pb2.ProposeResponse()
            said.CopyFrom(await propose(request, context))
            if request.attempt and said.decision == node_pb2.DECISION_APPROVED and node.party not in silent:
                said.hello.CopyFrom(codec.signed_to_proto(hello(node.party, request.attempt)))
            return said

        node.Propose = answer  # type: ignore[method-assign]

    for node in w.nodes.values():
        speak(node)
    return asked


def hello(party: str, attempt: str) -> Signed:
    return Signed(kind="hello", payload=f"{party} {attempt}".encode(), signer=party, signature=bytes(64))


def brought(request: node_pb2.RunRequest) -> list[str]:
    return [each.payload.decode() for each in request.hellos]


async def restarted(w: World, *parties: str) -> None:
    """The servers hold the methods that were there when they started; afterwards the coordinator has found them."""
    for party in parties or w.nodes:
        await w.nodes[party].kill()
        await w.nodes[party].start()
        await w.app.directory.look(party)
        while not w.app.directory.entries[party].reachable:
            await w.app.directory.look(party)


async def test_an_attempt_begins_with_everybodys_hello(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        asked = greeting(w)
        await restarted(w)
        assert (await w.asked()).state == DONE
        for party, node in w.nodes.items():
            [run] = node.runs
            assert brought(run) == [f"{each} {run.attempt}" for each in PARTIES]
            assert tuple(asked[party][0].participants) == PARTIES


async def test_without_one_hello_the_nodes_are_left_to_exchange_them(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        asked = greeting(w, "bank-b")
        await restarted(w)
        assert (await w.asked()).state == DONE
        for party, node in w.nodes.items():
            assert brought(node.runs[0]) == []
            assert node.runs[0].attempt != asked[party][0].attempt  # that id is used up


async def test_hellos_are_of_all_who_take_part_or_of_none(tmp_path: Path) -> None:
    async with world(
        tmp_path, timing=SOON_MISSING, parties=("bank-a", "bank-b", "bank-c", "bank-d"), down=("bank-d",)
    ) as w:
        greeting(w)
        await restarted(w, *PARTIES)
        assert (await w.asked(allow_missing=True)).state == DONE
        assert [brought(w.nodes[party].runs[0]) for party in PARTIES] == [[], [], []]


async def test_a_retry_has_fresh_hellos_for_another_attempt(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        greeting(w)
        await restarted(w)
        for node in w.nodes.values():
            node.acts = [fail(Failed("this once")), finish]
        assert (await w.asked()).state == DONE
        first, second = w.nodes["bank-a"].runs
        assert first.attempt != second.attempt
        assert brought(second) == [f"{each} {second.attempt}" for each in PARTIES]


@pytest.mark.parametrize(("seconds", "used"), [(3600.0, True), (0.0, False)], ids=["soon", "late"])
async def test_hellos_that_waited_for_an_owner_are_used_only_while_they_are_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, used: bool
) -> None:
    monkeypatch.setattr(proposals, "HELLO_SECONDS", seconds)
    async with world(tmp_path) as w:
        greeting(w)
        await restarted(w)
        w.nodes["bank-c"].answers = [pending(), pending(), approved()]
        assert (await w.asked()).state == DONE
        for node in w.nodes.values():
            assert bool(brought(node.runs[0])) == used


async def test_who_has_to_wait_for_a_turn_does_not_ask_for_hellos(tmp_path: Path) -> None:
    async with world(tmp_path, limits=Limits(attempts_at_once=1)) as w:
        asked = greeting(w)
        await restarted(w)
        await w.app.scheduler._slots.acquire()
        created = await w.create()
        while not asked["bank-a"]:
            await w.stub.GetComputation(pb.GetComputationRequest(id=created.id))
        w.app.scheduler._slots.release()
        assert (await w.ended(created)).state == DONE
        assert not asked["bank-a"][0].attempt
        assert brought(w.nodes["bank-a"].runs[0]) == []


@pytest.mark.parametrize(("size", "come"), [(6, True), (1 << 20, False)], ids=["short", "long"])
async def test_short_results_come_with_the_last_message(tmp_path: Path, size: int, come: bool) -> None:
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.payload = bytes(size)
        created = await w.create()
        seen = [each async for each in w.stub.WatchComputation(pb.WatchComputationRequest(id=created.id), timeout=30)]
        assert not any(each.results for each in seen[:-1])
        assert seen[-1].computation.state == DONE
        found = [(chunk.party, len(chunk.ciphertext), chunk.last) for chunk in seen[-1].results]
        assert found == ([(party, size, True) for party in PARTIES] if come else [])
