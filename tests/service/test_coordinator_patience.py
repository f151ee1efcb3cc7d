"""Whom the coordinator waits for when the function says whose reply nobody else's can stand in for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from steelyard.documents.attempt import Contribution, InputSet
from steelyard.errors import Cheated, Failed, PolicyRefused
from steelyard.rpc import codec
from steelyard.v1 import node_pb2, types_pb2
from tests.service.fakes import QUICK, Act, FakeNode, fail, until, world

DONE = types_pb2.COMPUTATION_STATE_DONE
ABORTED = types_pb2.COMPUTATION_STATE_ABORTED


def finishing(owners: Sequence[str], after: float = 0.0, sponsor: str = "") -> Act:
    """An honest node over an input set to which these contributed rows, through a sponsor where they have no node."""

    async def act(node: FakeNode, request: node_pb2.RunRequest) -> AsyncIterator[node_pb2.RunResponse]:
        yield node_pb2.RunResponse(step="hello", input_set_signed=True)
        await asyncio.sleep(after)
        signed = codec.signed_from_proto(request.request)
        input_set = InputSet(
            computation=request.computation,
            request=signed.digest.hex(),
            contributions=tuple(Contribution(party, "", (2,), (0,), 1, sponsor) for party in owners),
            threshold=2,
            attempt=request.attempt,
            transcript="00" * 32,
        )
        node.seal(request.computation, signed, input_set=msgspec.json.encode(input_set))
        yield node_pb2.RunResponse(done=True, input_set_signed=True)

    return act


LATE = 4 * QUICK.delivered


@pytest.mark.parametrize(
    ("function", "after", "waits"), [("ratio", LATE, True), ("score", LATE, True), ("sum", 3600, False)]
)
async def test_a_slow_owner_s_part_is_waited_for_where_nobody_else_has_it(
    tmp_path: Path, function: str, after: float, waits: bool
) -> None:
    async with world(tmp_path, timing=QUICK) as w:
        for party, node in w.nodes.items():
            node.acts = [finishing(["bank-c"], after=after if party == "bank-c" else 0.0)]
        ended = await w.asked(function=function)
        assert ended.state == DONE
        assert (ended.parties[2].state == "done") == waits


async def test_a_slow_node_that_owns_nothing_is_not_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path, timing=QUICK) as w:
        for party, node in w.nodes.items():
            node.acts = [finishing(["bank-a"], after=3600 if party == "bank-c" else 0.0)]
        assert (await w.asked(function="ratio")).state == DONE


async def test_where_a_firm_without_a_node_has_answered_all_are_waited_for_and_then_forget_it(tmp_path: Path) -> None:
    async with world(tmp_path, timing=QUICK) as w:
        for party, node in w.nodes.items():
            after = LATE if party == "bank-c" else 0.0
            node.acts = [finishing(["firm-x"], after=after, sponsor="analyst")]
        ended = await w.asked(function="ratio")
        assert (ended.state, ended.parties[2].state) == (DONE, "done")
        await until(lambda: all(ended.id in node.done for node in w.nodes.values()))


async def test_answers_stay_with_the_nodes_where_there_is_no_result(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.acts = [finishing(["firm-x"], sponsor="analyst")]
        w.nodes["bank-c"].acts = [fail(Failed("its disk is full", party="bank-c"))]
        ended = await w.asked(function="ratio")
        assert (ended.state, ended.failure.party) == (ABORTED, "bank-c")
        await until(lambda: all(ended.id in node.cancelled for node in w.nodes.values()))
        assert not any(node.done for node in w.nodes.values())


async def test_without_an_owner_s_part_there_is_no_result_and_it_is_named(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.acts = [finishing(["bank-c"])]
        w.nodes["bank-c"].acts = [fail(Failed("its disk is full", party="bank-c"))]
        ended = await w.asked(function="ratio")
        assert (ended.state, ended.failure.party) == (ABORTED, "bank-c")


async def test_in_training_the_rest_goes_on_after_a_node_has_refused(tmp_path: Path) -> None:
    async with world(tmp_path, timing=QUICK) as w:
        for node in w.nodes.values():
            node.acts = [finishing([], after=2 * QUICK.failed + QUICK.broken)]
        w.nodes["bank-c"].acts = [fail(PolicyRefused("no"))]
        assert (await w.asked(function="train")).state == DONE


@pytest.mark.parametrize(("function", "state"), [("train", DONE), ("sum", ABORTED)])
async def test_one_who_cries_cheat_does_not_take_the_result_of_those_who_went_on(
    tmp_path: Path, function: str, state: int
) -> None:
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.acts = [finishing([], after=QUICK.failed)]
        w.nodes["bank-c"].acts = [fail(Cheated("a wrong slice", party="bank-c", suspects=["bank-a"]))]
        assert (await w.asked(function=function)).state == state
