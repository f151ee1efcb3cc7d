"""What requesters can do at the coordinator, and what strangers cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc.aio
import pytest

from coordinator.clock import now_ms
from coordinator.config import Limits
from steelyard.documents.request import MAX_LIFE_MS
from steelyard.errors import Conflict, Failed, NotFound
from steelyard.identity.authority import Authority
from steelyard.identity.certificates import Role
from steelyard.identity.enrolment import Joiner
from steelyard.identity.local import issue_here
from steelyard.rpc import codec
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import coordinator_pb2 as pb
from steelyard.v1 import types_pb2
from steelyard.v1.coordinator_pb2_grpc import CoordinatorServiceStub
from tests.service.fakes import (
    PARTIES,
    fetched,
    meaning,
    pending,
    requester_channel,
    until,
    world,
)

DONE = types_pb2.COMPUTATION_STATE_DONE


async def test_what_is_done_cannot_be_cancelled(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ended = await w.asked()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.stub.CancelComputation(pb.CancelComputationRequest(id=ended.id), timeout=30)
        assert isinstance(meaning(caught.value), Conflict)


async def test_the_same_request_again_is_the_same_computation(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        signed = w.request()
        first, second = await asyncio.gather(w.create(signed), w.create(signed))
        assert first.id == second.id
        await w.ended(first)
        third = await w.create(signed)
        assert third.state == DONE
        assert [len(node.runs) for node in w.nodes.values()] == [1, 1, 1]


async def test_a_used_id_with_another_request_is_a_conflict(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ended = await w.asked()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.create(computation=ended.id, purpose="another")
        assert isinstance(meaning(caught.value), Conflict)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"manifest": "00" * 32}, "CONFLICT"),
        ({"expires_ms": 1, "created_ms": 0}, "INVALID"),
        ({"created_ms": now_ms(), "expires_ms": now_ms() + MAX_LIFE_MS + 60_000}, "INVALID"),
        ({"requester": "somebody-else"}, "UNAUTHENTICATED"),
    ],
)
async def test_junk_is_turned_away_before_a_node_hears_of_it(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    async with world(tmp_path) as w:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.create(**changes)
        assert meaning(caught.value).reason == reason
        assert not any(node.proposals for node in w.nodes.values())


async def test_a_forged_request_is_unauthenticated(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        signed = w.request()
        message = codec.signed_to_proto(signed)
        message.payload = signed.payload.replace(b'"sum"', b'"max"')
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.stub.CreateComputation(pb.CreateComputationRequest(request=message), timeout=30)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_full_quota_is_overloaded_until_something_ends(tmp_path: Path) -> None:
    async with world(tmp_path, limits=Limits(running_per_requester=1)) as w:
        for node in w.nodes.values():
            node.answers = [pending()]
        first = await w.create()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.create()
        assert meaning(caught.value).reason == "OVERLOADED"
        await w.stub.CancelComputation(pb.CancelComputationRequest(id=first.id), timeout=30)
        assert (await w.create()).id != first.id


async def test_results_of_an_unfinished_computation_are_a_conflict(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-a"].answers = [pending()]
        created = await w.create()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await fetched(w.stub, created.id)
        assert isinstance(meaning(caught.value), Conflict)


async def test_computations_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ids = [(await w.asked()).id for _ in range(3)]
        first = await w.stub.ListComputations(pb.ListComputationsRequest(page_size=2), timeout=30)
        assert [each.id for each in first.computations] == ids[:0:-1]
        rest = pb.ListComputationsRequest(page_size=2, page_token=first.next_page_token)
        second = await w.stub.ListComputations(rest, timeout=30)
        assert [each.id for each in second.computations] == ids[:1]
        assert second.next_page_token == ""


async def test_a_node_without_a_role_here_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel = requester_channel(w.layout.home(Role.NODE, "bank-a"), w.membership)
        stub = CoordinatorServiceStub(await channel.get())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListParties(pb.ListPartiesRequest(), timeout=30)
        assert meaning(caught.value).reason == "UNAUTHENTICATED"
        await channel.close()


async def test_a_certificate_of_our_authority_that_no_manifest_pins_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        joiner = Joiner("requester", "mallory", organisation="bank-a")
        issue_here(w.layout, Authority.load(w.layout.ca), joiner)
        pin = w.membership.manifest.coordinator.tls
        endpoint = Endpoint("the coordinator", w.membership.coordinator_address, pin)
        channel = PinnedChannel(w.layout.home(Role.REQUESTER, "mallory").path, endpoint)
        stub = CoordinatorServiceStub(await channel.get())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListParties(pb.ListPartiesRequest(), timeout=30)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        await channel.close()


async def test_another_requester_s_computation_does_not_exist(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ended = await w.asked()
        with pytest.raises(NotFound):
            await w.app.registry.get(ended.id, "somebody-else")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.stub.GetComputation(pb.GetComputationRequest(id="00" * 16), timeout=30)
        assert isinstance(meaning(caught.value), NotFound)


async def test_parties_are_listed_with_what_is_wrong_with_them(tmp_path: Path) -> None:
    async with world(tmp_path, down=("bank-b",)) as w:
        for party in PARTIES:
            await w.app.directory.look(party)
        response = await w.stub.ListParties(pb.ListPartiesRequest(), timeout=30)
        assert [(each.id, each.reachable) for each in response.parties] == [
            ("bank-a", True),
            ("bank-b", False),
            ("bank-c", True),
        ]
        assert "bank-b" in response.parties[1].problem
        assert response.manifest == w.membership.digest


async def test_a_node_that_answers_what_is_wrong_with_it_has_a_problem_but_is_not_lost(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-b"].problem = Failed("the database is damaged")
        lost = asyncio.create_task(w.app.directory.lost("bank-b"))
        for _ in range(4):
            await w.app.directory.look("bank-b")
        response = await w.stub.ListParties(pb.ListPartiesRequest(), timeout=30)
        assert [each.problem for each in response.parties if not each.reachable] == ["the database is damaged"]
        assert not lost.done()
        lost.cancel()


async def test_what_ended_long_ago_is_forgotten_with_its_results(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ended = await w.asked()
        await until(lambda: not w.app.registry.live)
        assert await w.app.registry.purge(now_ms() - 60_000) == 0
        assert await w.app.registry.purge(now_ms() + 60_000) == 1
        assert await w.app.registry.find(ended.id) is None
        assert list(w.app.store.results(ended.id)) == []


async def test_an_answer_under_another_party_s_name_is_a_problem(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-b"].party = "bank-z"
        await w.app.directory.look("bank-b")
        assert "another party" in w.app.directory.entries["bank-b"].problem
