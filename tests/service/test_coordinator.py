"""The coordinator over real mutual TLS, with scripted nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc.aio
import pytest

from coordinator.clock import now_ms
from coordinator.config import Limits
from steelyard.documents.request import MAX_LIFE_MS
from steelyard.errors import Cheated, Conflict, Failed, NotFound, PartyMissing, PolicyRefused, Unreachable
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
    approved,
    die,
    fail,
    hang,
    meaning,
    pending,
    refused,
    requester_channel,
    until,
    world,
)

DONE = types_pb2.COMPUTATION_STATE_DONE
REFUSED = types_pb2.COMPUTATION_STATE_REFUSED
ABORTED = types_pb2.COMPUTATION_STATE_ABORTED


async def fetched(stub: CoordinatorServiceStub, computation: str) -> dict[str, bytes]:
    assembler, found = codec.ResultAssembler(), {}
    async for response in stub.FetchResults(pb.FetchResultsRequest(id=computation), timeout=5):
        result = assembler.feed(response.chunk)
        if result is not None:
            found[result.party] = result.ciphertext
    assembler.end()
    return found


async def test_an_approved_computation_is_done_and_delivers_every_node_s_sealed_result(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-b"].payload = bytes(range(256)) * 12_000  # three pieces
        ended = await w.asked()
        assert ended.state == DONE
        assert [(each.party, each.state) for each in ended.parties] == [(party, "done") for party in PARTIES]
        results = await fetched(w.stub, ended.id)
        assert results == {party: w.nodes[party].payload for party in PARTIES}
        assert {tuple(node.runs[0].participants) for node in w.nodes.values()} == {PARTIES}
        assert len({node.runs[0].attempt for node in w.nodes.values()}) == 1


async def test_results_stay_when_the_coordinator_is_restarted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ended = await w.asked()
        await w.restart()
        for node in w.nodes.values():
            await node.kill()
        channel = requester_channel(w.layout.home(Role.REQUESTER, "analyst"), w.membership)
        stub = CoordinatorServiceStub(await channel.get())
        assert set(await fetched(stub, ended.id)) == set(PARTIES)
        await channel.close()


async def test_one_node_s_refusal_refuses_and_names_the_node(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-b"].answers = [refused(PolicyRefused("no such column for you"))]
        ended = await w.asked()
        assert ended.state == REFUSED
        failure = ended.failure
        assert (failure.reason, failure.party, failure.message) == (
            "POLICY_REFUSED",
            "bank-b",
            "no such column for you",
        )
        assert not any(node.runs for node in w.nodes.values())


async def test_a_refusal_by_policy_counts_more_than_not_found(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-a"].answers = [refused(NotFound("no dataset"))]
        w.nodes["bank-c"].answers = [refused(PolicyRefused("no"))]
        ended = await w.asked()
        assert (ended.failure.reason, ended.failure.party) == ("POLICY_REFUSED", "bank-c")


async def test_a_dataset_that_nobody_holds_is_not_found(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.answers = [approved(contributes=False)]
        ended = await w.asked()
        assert (ended.state, ended.failure.reason) == (REFUSED, "NOT_FOUND")


async def test_a_pending_node_is_asked_again_until_its_owner_approves(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-c"].answers = [pending(), pending(), pending(), approved()]
        ended = await w.asked()
        assert ended.state == DONE
        assert len(w.nodes["bank-c"].proposals) == 4
        assert len(w.nodes["bank-a"].proposals) == 1


async def test_a_pending_computation_ends_with_its_request_s_expiry(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-c"].answers = [pending()]
        ended = await w.asked(expires_ms=now_ms() + 500)
        assert (ended.state, ended.failure.reason) == (ABORTED, "TIMED_OUT")


async def test_a_missing_party_ends_the_computation_and_is_named(tmp_path: Path) -> None:
    async with world(tmp_path, down=("bank-c",)) as w:
        ended = await w.asked()
        assert (ended.state, ended.failure.reason) == (ABORTED, "PARTY_MISSING")
        assert "bank-c" in ended.failure.message
        assert {each.party: each.state for each in ended.parties}["bank-c"] == "unreachable"


async def test_with_allow_missing_the_others_compute_alone(tmp_path: Path) -> None:
    parties = ("bank-a", "bank-b", "bank-c", "bank-d")  # quorum 3
    async with world(tmp_path, parties=parties, down=("bank-c",)) as w:
        ended = await w.asked(allow_missing=True)
        assert ended.state == DONE
        assert list(w.nodes["bank-a"].runs[0].participants) == ["bank-a", "bank-b", "bank-d"]


async def test_allow_missing_needs_a_quorum(tmp_path: Path) -> None:
    async with world(tmp_path, down=("bank-b",)) as w:  # 2-of-3: the quorum is 3
        ended = await w.asked(allow_missing=True)
        assert (ended.state, ended.failure.reason) == (ABORTED, "PARTY_MISSING")


async def test_a_node_that_comes_up_while_it_is_asked_takes_part(tmp_path: Path) -> None:
    async with world(tmp_path, down=("bank-b",)) as w:
        created = await w.create()
        await w.nodes["bank-b"].start()
        assert (await w.ended(created)).state == DONE


async def test_a_failed_attempt_is_tried_again_under_a_new_id(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        failure = Unreachable("the stream to bank-b broke", party="bank-b")
        for party in ("bank-a", "bank-c"):
            w.nodes[party].acts = [fail(failure), *w.nodes[party].acts]
        w.nodes["bank-b"].acts = [hang, *w.nodes["bank-b"].acts]
        ended = await w.asked()
        assert (ended.state, ended.attempts) == (DONE, 2)
        first, second = w.nodes["bank-a"].runs
        assert first.attempt != second.attempt


async def test_attempts_are_counted_and_the_failure_that_names_another_party_is_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-a"].acts = [fail(Failed("broken"))]
        w.nodes["bank-b"].acts = [fail(Unreachable("no message from bank-c", party="bank-c"))]
        w.nodes["bank-c"].acts = [fail(Failed("broken too"))]
        ended = await w.asked()
        assert (ended.state, ended.attempts) == (ABORTED, 3)
        assert (ended.failure.reason, ended.failure.party) == ("UNREACHABLE", "bank-c")


async def test_cheating_ends_everything_at_once_and_names_the_cheat(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-a"].acts = [fail(Failed("gave up"))]
        w.nodes["bank-b"].acts = [fail(Cheated("the shares of bank-c do not match", culprits=["bank-c"]))]
        w.nodes["bank-c"].acts = [fail(PolicyRefused("no"))]
        ended = await w.asked()
        assert (ended.state, ended.attempts) == (ABORTED, 1)
        assert (ended.failure.reason, list(ended.failure.culprits)) == ("CHEATED", ["bank-c"])


async def test_enough_delivered_results_end_the_computation_although_a_node_failed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-c"].acts = [fail(Failed("disk full"), signed=True)]
        ended = await w.asked()
        assert (ended.state, ended.attempts) == (DONE, 1)
        assert set(await fetched(w.stub, ended.id)) == {"bank-a", "bank-b"}


async def test_a_node_killed_in_an_attempt_is_waited_for_and_then_named(tmp_path: Path) -> None:
    async with world(tmp_path, threshold=3) as w:
        w.nodes["bank-b"].acts = [die]
        for party in ("bank-a", "bank-c"):
            w.nodes[party].acts = [fail(Unreachable("the stream to bank-b ended", party="bank-b"))]
        ended = await w.asked()
        assert (ended.state, ended.failure.reason) == (ABORTED, "PARTY_MISSING")
        assert "bank-b" in ended.failure.message


async def test_a_node_killed_in_an_attempt_may_come_back(tmp_path: Path) -> None:
    async with world(tmp_path, threshold=3) as w:
        killed = w.nodes["bank-b"]
        killed.acts = [die, *killed.acts]
        for party in ("bank-a", "bank-c"):
            w.nodes[party].acts = [
                fail(Unreachable("the stream to bank-b ended", party="bank-b")),
                *w.nodes[party].acts,
            ]
        created = await w.create()
        await until(lambda: killed.server is None)
        await killed.start()
        ended = await w.ended(created)
        assert (ended.state, ended.attempts) == (DONE, 2)


async def test_once_the_input_set_is_signed_a_retry_has_the_same_participants(tmp_path: Path) -> None:
    parties = ("bank-a", "bank-b", "bank-c", "bank-d")
    async with world(tmp_path, parties=parties, threshold=4) as w:
        w.nodes["bank-a"].acts = [fail(Failed("later"), signed=True), *w.nodes["bank-a"].acts]
        w.nodes["bank-d"].acts = [die]
        ended = await w.asked(allow_missing=True)
        assert (ended.state, ended.failure.reason) == (ABORTED, "PARTY_MISSING")
        assert all(tuple(run.participants) == parties for node in w.nodes.values() for run in node.runs)


async def test_a_hanging_node_is_given_up_in_time_and_named(tmp_path: Path) -> None:
    async with world(tmp_path, threshold=3) as w:
        w.nodes["bank-c"].acts = [hang]
        ended = await w.asked(expires_ms=now_ms() + 1500)
        assert ended.state == ABORTED
        assert ended.failure.reason == "TIMED_OUT"


async def test_a_result_that_does_not_match_its_note_is_not_passed_on(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        liar = w.nodes["bank-c"]

        async def lie(node, request):  # type: ignore[no-untyped-def]
            async for response in honest(node, request):
                if response.done:
                    node.seal(request.computation, codec.signed_from_proto(request.request), ciphertext="00" * 32)
                yield response

        honest, liar.acts = liar.acts[0], [lie]
        ended = await w.asked()
        assert ended.state == DONE
        assert set(await fetched(w.stub, ended.id)) == {"bank-a", "bank-b"}


async def test_cancelling_ends_the_computation_and_tells_the_nodes(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.acts = [hang]
        created = await w.create()
        await until(lambda: all(node.runs for node in w.nodes.values()))
        response = await w.stub.CancelComputation(pb.CancelComputationRequest(id=created.id), timeout=5)
        assert (response.computation.state, response.computation.failure.reason) == (ABORTED, "CANCELLED")
        await until(lambda: all(node.cancelled == [created.id] for node in w.nodes.values()))
        again = await w.stub.CancelComputation(pb.CancelComputationRequest(id=created.id), timeout=5)
        assert again.computation.failure.reason == "CANCELLED"


async def test_what_is_done_cannot_be_cancelled(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ended = await w.asked()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.stub.CancelComputation(pb.CancelComputationRequest(id=ended.id), timeout=5)
        assert isinstance(meaning(caught.value), Conflict)


async def test_a_watcher_sees_every_change_from_the_snapshot_to_the_end(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-a"].answers = [pending(), approved()]
        created = await w.create()
        seen = [r.computation async for r in w.stub.WatchComputation(pb.WatchComputationRequest(id=created.id))]
        states = [each.state for each in seen]
        assert states == sorted(states)
        assert states[-1] == DONE
        assert [each.updated_ms for each in seen] == sorted(each.updated_ms for each in seen)
        later = [r.computation async for r in w.stub.WatchComputation(pb.WatchComputationRequest(id=created.id))]
        assert [each.state for each in later] == [DONE]


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
            await w.stub.CreateComputation(pb.CreateComputationRequest(request=message), timeout=5)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_full_quota_is_overloaded_until_something_ends(tmp_path: Path) -> None:
    async with world(tmp_path, limits=Limits(running_per_requester=1)) as w:
        for node in w.nodes.values():
            node.answers = [pending()]
        first = await w.create()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.create()
        assert meaning(caught.value).reason == "OVERLOADED"
        await w.stub.CancelComputation(pb.CancelComputationRequest(id=first.id), timeout=5)
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
        first = await w.stub.ListComputations(pb.ListComputationsRequest(page_size=2), timeout=5)
        assert [each.id for each in first.computations] == ids[:0:-1]
        rest = pb.ListComputationsRequest(page_size=2, page_token=first.next_page_token)
        second = await w.stub.ListComputations(rest, timeout=5)
        assert [each.id for each in second.computations] == ids[:1]
        assert second.next_page_token == ""


async def test_a_node_without_a_role_here_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel = requester_channel(w.layout.home(Role.NODE, "bank-a"), w.membership)
        stub = CoordinatorServiceStub(await channel.get())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListParties(pb.ListPartiesRequest(), timeout=5)
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
            await stub.ListParties(pb.ListPartiesRequest(), timeout=5)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        await channel.close()


async def test_another_requester_s_computation_does_not_exist(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ended = await w.asked()
        with pytest.raises(NotFound):
            await w.app.registry.get(ended.id, "somebody-else")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await w.stub.GetComputation(pb.GetComputationRequest(id="00" * 16), timeout=5)
        assert isinstance(meaning(caught.value), NotFound)


async def test_parties_are_listed_with_what_is_wrong_with_them(tmp_path: Path) -> None:
    async with world(tmp_path, down=("bank-b",)) as w:
        for party in PARTIES:
            await w.app.directory.look(party)
        response = await w.stub.ListParties(pb.ListPartiesRequest(), timeout=5)
        assert [(each.id, each.reachable) for each in response.parties] == [
            ("bank-a", True),
            ("bank-b", False),
            ("bank-c", True),
        ]
        assert "bank-b" in response.parties[1].problem
        assert response.manifest == w.membership.digest


async def test_what_ended_long_ago_is_forgotten_with_its_results(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ended = await w.asked()
        await until(lambda: not w.app.registry.live)
        assert await w.app.registry.purge(now_ms() - 60_000) == 0
        assert await w.app.registry.purge(now_ms() + 60_000) == 1
        assert await w.app.registry.find(ended.id) is None
        assert list(w.app.store.results(ended.id)) == []


def test_a_missing_party_is_a_failure_and_not_a_refusal() -> None:
    assert issubclass(PartyMissing, Failed)
