"""The coordinator over real mutual TLS, with scripted nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.clock import now_ms
from steelyard.errors import Cheated, Conflict, Failed, NotFound, PolicyRefused, Unreachable
from steelyard.identity.certificates import Role
from steelyard.rpc import codec
from steelyard.v1 import coordinator_pb2 as pb
from steelyard.v1 import types_pb2
from steelyard.v1.coordinator_pb2_grpc import CoordinatorServiceStub
from tests.service.fakes import (
    PARTIES,
    QUICK,
    SOON_MISSING,
    approved,
    die,
    fail,
    fetched,
    finish,
    hang,
    pending,
    refused,
    requester_channel,
    until,
    world,
)

DONE = types_pb2.COMPUTATION_STATE_DONE
REFUSED = types_pb2.COMPUTATION_STATE_REFUSED
ABORTED = types_pb2.COMPUTATION_STATE_ABORTED


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


async def test_after_a_conflict_changes_are_settled_before_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes that have not all committed a change yet would meet the same conflict again."""
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.acts = [fail(Conflict("another epoch"))]

        async def settle() -> None:
            for node in w.nodes.values():
                node.acts = [finish]

        monkeypatch.setattr(w.app.settlements, "settle", settle)
        monkeypatch.setattr(w.app.settlements, "_is_wanted", lambda: False)
        ended = await w.asked()
        assert ended.state == DONE
        assert {len(node.runs) for node in w.nodes.values()} == {2}


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
        assert "called" not in ended.failure.message


async def test_a_call_that_nobody_has_answered_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for node in w.nodes.values():
            node.answers = [approved(contributes=False)]
        statements = {"dataset": "statements", "column": "firm", "ratios": ["roa"]}
        called = {"subjects": ["firm-x"], "called": ["firm-x"]}
        ended = await w.asked(function="ratio", arguments={**statements, **called})
        assert (ended.state, ended.failure.reason) == (REFUSED, "NOT_FOUND")
        assert "none of the firms called has answered this call" in ended.failure.message


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
        ended = await w.asked(expires_ms=now_ms() + 4_000)
        assert (ended.state, ended.failure.reason) == (ABORTED, "TIMED_OUT")
        assert ended.failure.message == "the request expired before the owner of bank-c decided on it"
        assert ended.failure.party == "bank-c"


async def test_a_missing_party_ends_the_computation_and_is_named(tmp_path: Path) -> None:
    async with world(tmp_path, timing=SOON_MISSING, down=("bank-c",)) as w:
        ended = await w.asked()
        assert (ended.state, ended.failure.reason) == (ABORTED, "PARTY_MISSING")
        assert (
            ended.failure.message
            == "bank-c does not answer; --allow-missing does not help here, 3 nodes must take part"
        )
        assert {each.party: each.state for each in ended.parties}["bank-c"] == "unreachable"


async def test_a_missing_party_that_may_be_left_out_is_only_named(tmp_path: Path) -> None:
    parties = ("bank-a", "bank-b", "bank-c", "bank-d")  # quorum 3
    async with world(tmp_path, timing=SOON_MISSING, parties=parties, down=("bank-c",)) as w:
        assert (await w.asked()).failure.message == "bank-c does not answer"


async def test_a_party_that_says_why_it_cannot_take_part_is_quoted(tmp_path: Path) -> None:
    parties = ("bank-a", "bank-b", "bank-c", "bank-d")
    async with world(tmp_path, timing=SOON_MISSING, parties=parties) as w:
        w.nodes["bank-b"].answers = [Failed("the database is damaged")]
        failure = (await w.asked()).failure
        assert (failure.reason, failure.party) == ("PARTY_MISSING", "bank-b")
        assert failure.message == "bank-b cannot take part (the database is damaged)"


async def test_with_allow_missing_the_others_compute_alone(tmp_path: Path) -> None:
    parties = ("bank-a", "bank-b", "bank-c", "bank-d")  # quorum 3
    async with world(tmp_path, timing=SOON_MISSING, parties=parties, down=("bank-c",)) as w:
        ended = await w.asked(allow_missing=True)
        assert ended.state == DONE
        assert list(w.nodes["bank-a"].runs[0].participants) == ["bank-a", "bank-b", "bank-d"]


async def test_allow_missing_needs_a_quorum(tmp_path: Path) -> None:
    async with world(tmp_path, timing=SOON_MISSING, down=("bank-b",)) as w:  # 2-of-3: the quorum is 3
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
        assert (ended.failure.reason, list(ended.failure.culprits)) == ("CHEATED", [])
    assert list(ended.failure.suspects) == ["bank-b", "bank-c"]  # one node's word against another's


async def test_enough_delivered_results_end_the_computation_although_a_node_failed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-c"].acts = [fail(Failed("disk full"), signed=True)]
        ended = await w.asked()
        assert (ended.state, ended.attempts) == (DONE, 1)
        assert set(await fetched(w.stub, ended.id)) == {"bank-a", "bank-b"}


async def test_a_node_killed_in_an_attempt_is_waited_for_and_then_named(tmp_path: Path) -> None:
    async with world(tmp_path, timing=QUICK, threshold=3) as w:
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
    async with world(tmp_path, timing=QUICK, parties=parties, threshold=4) as w:
        w.nodes["bank-a"].acts = [fail(Failed("later"), signed=True), *w.nodes["bank-a"].acts]
        w.nodes["bank-d"].acts = [die]
        ended = await w.asked(allow_missing=True)
        assert (ended.state, ended.failure.reason) == (ABORTED, "PARTY_MISSING")
        assert all(tuple(run.participants) == parties for node in w.nodes.values() for run in node.runs)


async def test_a_hanging_node_is_given_up_in_time_and_named(tmp_path: Path) -> None:
    async with world(tmp_path, threshold=3) as w:
        w.nodes["bank-c"].acts = [hang]
        ended = await w.asked(expires_ms=now_ms() + 4_000)
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
        response = await w.stub.CancelComputation(pb.CancelComputationRequest(id=created.id), timeout=30)
        assert (response.computation.state, response.computation.failure.reason) == (ABORTED, "CANCELLED")
        await until(lambda: all(node.cancelled == [created.id] for node in w.nodes.values()))
        again = await w.stub.CancelComputation(pb.CancelComputationRequest(id=created.id), timeout=30)
        assert again.computation.failure.reason == "CANCELLED"


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


async def test_a_slow_watcher_blocks_nobody_and_sees_the_latest_state(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.nodes["bank-a"].answers = [pending(), approved()]
        created = await w.create()
        watched = w.app.registry.live[created.id]
        changes = watched.watch()
        await anext(changes)
        assert (await w.ended(created)).state == DONE
        await anext(changes)
        assert watched.state.ended
        with pytest.raises(StopAsyncIteration):
            await anext(changes)


async def test_a_node_that_falls_silent_in_an_attempt_is_noticed(tmp_path: Path) -> None:
    """As if its network were cut: the connection stands, nothing comes."""
    async with world(tmp_path, threshold=3) as w:
        silent = w.nodes["bank-b"]
        silent.acts = [hang, *silent.acts]
        for party in ("bank-a", "bank-c"):
            w.nodes[party].acts = [hang, *w.nodes[party].acts]
        created = await w.create()
        await until(lambda: all(node.runs for node in w.nodes.values()))
        entry = w.app.directory.entries["bank-b"]
        for _ in range(3):
            w.app.directory._missed(entry, Unreachable("no answer", party="bank-b"))
        ended = await w.ended(created)
        assert (ended.state, ended.attempts) == (DONE, 2)


async def test_metrics_count_how_computations_end(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.asked()
        w.nodes["bank-b"].answers = [refused(PolicyRefused("no"))]
        await w.asked()
        await until(lambda: not w.app.registry.live)
        read = w.app.metrics.registry.get_sample_value
        assert read("steelyard_computations_ended_total", {"state": "DONE"}) == 1
        assert read("steelyard_computations_failed_total", {"reason": "POLICY_REFUSED"}) == 1
        assert read("steelyard_computations_running") == 0
