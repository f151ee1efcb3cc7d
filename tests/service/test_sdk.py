"""The SDK against a coordinator that runs in this process and says what a test wants it to say."""
# ruff: noqa: N802  # gRPC names the methods

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest

from clients.local.ports import free_ports
from clients.sdk import AsyncClient, Client
from steelyard.digest import frame
from steelyard.documents.attempt import Contribution, InputSet
from steelyard.documents.request import Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed, read
from steelyard.errors import (
    Cheated,
    Conflict,
    Invalid,
    Malformed,
    NotFound,
    PolicyRefused,
    SteelyardError,
    TimedOut,
    Unreachable,
)
from steelyard.field import from_signed
from steelyard.functions.computation import ResultShare
from steelyard.functions.result_share import seal_share
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Layout
from steelyard.identity.local import make_local_consortium
from steelyard.identity.membership import Membership
from steelyard.randomness import SystemRandomness
from steelyard.rpc import codec
from steelyard.rpc.status import KEY, failure_to_proto
from steelyard.sharing import shamir
from steelyard.v1 import coordinator_pb2 as pb
from steelyard.v1 import types_pb2
from steelyard.v1.coordinator_pb2_grpc import CoordinatorServiceServicer, add_CoordinatorServiceServicer_to_server

PARTIES = ("bank-a", "bank-b", "bank-c")
PROPOSED, RUNNING = types_pb2.COMPUTATION_STATE_PROPOSED, types_pb2.COMPUTATION_STATE_RUNNING
PATIENCE = 4  # seconds in which a coordinator on a busy machine says how far it is
DONE, REFUSED = types_pb2.COMPUTATION_STATE_DONE, types_pb2.COMPUTATION_STATE_REFUSED


@dataclass
class FakeCoordinator(CoordinatorServiceServicer):
    """Computes nothing: `figures` are what the nodes would have found, in minor units of two decimals."""

    layout: Layout
    membership: Membership
    figures: tuple[int, ...] = (1_750_000,)
    ending: Any = DONE
    failure: SteelyardError | None = None
    refuses: SteelyardError | None = None  # every call
    hangs: bool = False  # the watch reports no end
    states: dict[str, str] = field(default_factory=dict)  # of parties that do not run
    breaks: int = 0  # so many watches are cut off
    lying: str = ""  # this node's share is wrong
    swaps: bool = False  # shows another request than the one asked for
    groups: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(PARTIES, ("retail", "public")))
    requests: list[Signed] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def CreateComputation(self, request: Any, context: Any) -> Any:
        self._maybe_refuse(context)
        self.requests.append(codec.signed_from_proto(request.request))
        return pb.CreateComputationResponse(computation=self._shown(self.requests[-1], PROPOSED))

    def GetComputation(self, request: Any, context: Any) -> Any:
        self._maybe_refuse(context)
        return pb.GetComputationResponse(computation=self._shown(self._find(request.id, context), self.ending))

    def ListComputations(self, request: Any, context: Any) -> Any:
        start = int(request.page_token or 0)
        newest = list(reversed(self.requests))[start : start + min(2, request.page_size)]
        more = str(start + 2) if start + 2 < len(self.requests) else ""
        found = [self._shown(each, self.ending) for each in newest]
        return pb.ListComputationsResponse(computations=found, next_page_token=more)

    def WatchComputation(self, request: Any, context: Any) -> Iterator[Any]:
        asked = self._find(request.id, context)
        for state in (PROPOSED, RUNNING):
            yield pb.WatchComputationResponse(computation=self._shown(asked, state))
        if self.breaks:
            self.breaks -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "")
        if self.hangs:
            self.stopped.wait(30)
            return
        yield pb.WatchComputationResponse(computation=self._shown(asked, self.ending))

    def CancelComputation(self, request: Any, context: Any) -> Any:
        self.cancelled.append(request.id)
        self.stopped.set()
        return pb.CancelComputationResponse(computation=self._shown(self._find(request.id, context), self.ending))

    def FetchResults(self, request: Any, context: Any) -> Iterator[Any]:
        for result in self._results(self._find(request.id, context)):
            for chunk in codec.result_to_chunks(result):
                yield pb.FetchResultsResponse(chunk=chunk)

    def ListParties(self, request: Any, context: Any) -> Any:
        self._maybe_refuse(context)
        return pb.ListPartiesResponse(parties=[self._party(each) for each in PARTIES], manifest=self.membership.digest)

    def _maybe_refuse(self, context: Any) -> None:
        if self.refuses is not None:
            context.set_trailing_metadata(((KEY, failure_to_proto(self.refuses).SerializeToString()),))
            context.abort(grpc.StatusCode[self.refuses.status], self.refuses.message)

    def _find(self, computation: str, context: Any) -> Signed:
        for each in self.requests:
            if read(Request, each.payload).computation == computation:
                return each
        return context.abort(grpc.StatusCode.NOT_FOUND, "")  # type: ignore[no-any-return]

    def _shown(self, request: Signed, state: Any) -> pb.Computation:
        shown = self.requests[0] if self.swaps else request
        failure = failure_to_proto(self.failure) if self.failure and state == self.ending else None
        return pb.Computation(
            id=read(Request, request.payload).computation,
            state=state,
            request=codec.signed_to_proto(shown),
            parties=[pb.PartyProgress(party=each, state=self.states.get(each, "running")) for each in PARTIES],
            failure=failure,
        )

    def _party(self, name: str) -> pb.Party:
        columns = [types_pb2.Column(name="segment", type="text", groups=self.groups[name])]
        return pb.Party(id=name, reachable=True, datasets=[types_pb2.Dataset(name="accounts", columns=columns)])

    def _results(self, request: Signed) -> list[SealedResult]:
        asked, points = read(Request, request.payload), self.membership.points
        contributions = tuple(Contribution(each, "0" * 32, (2,), (0,)) for each in PARTIES)
        input_set = InputSet(
            computation=asked.computation,
            request=(digest := request.digest.hex()),
            contributions=contributions,
            threshold=self.membership.threshold,
            attempt="1" * 32,
            transcript="2" * 64,
        ).encode()
        keys = {each: self.layout.home(Role.NODE, each).signing_key() for each in PARTIES}
        message = frame("signature", InputSet.KIND.encode(), input_set)
        certificate = tuple((each, key.sign(message)) for each, key in keys.items())
        shares = shamir.share(
            from_signed(self.figures), self.membership.threshold, list(points.values()), SystemRandomness()
        )
        if self.lying:
            shares[points[self.lying]] = from_signed([1] * len(self.figures))  # type: ignore[index]
        return [
            seal_share(
                ResultShare(shares[points[party]], (), (2,), input_set, certificate),  # type: ignore[index, arg-type]
                asked.computation,
                digest,
                party,
                key,
                self.membership.sealing_key(asked.requester),
            )
            for party, key in keys.items()
        ]


@pytest.fixture(scope="module")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Membership]:
    directory = tmp_path_factory.mktemp("sdk")
    [port] = free_ports(1)
    addresses = dict.fromkeys(PARTIES, f"127.0.0.1:{port}")
    membership = make_local_consortium(directory, PARTIES, 2, addresses, f"127.0.0.1:{port}")
    owners = "\n".join(f'{each} = "owners/{each}"' for each in PARTIES)
    text = f'consortium = "local"\nidentity = "requesters/analyst"\n[owners]\n{owners}\n'
    (directory / "profile.toml").write_text(text)
    return directory, membership


@pytest.fixture
def coordinator(consortium: tuple[Path, Membership]) -> Iterator[FakeCoordinator]:
    directory, membership = consortium
    fake = FakeCoordinator(Layout(directory), membership)
    home = directory / "coordinator"
    pair = ((home / "tls.key").read_bytes(), (home / "tls.pem").read_bytes())
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    add_CoordinatorServiceServicer_to_server(fake, server)
    credentials = grpc.ssl_server_credentials([pair], (home / "ca.pem").read_bytes(), require_client_auth=True)
    server.add_secure_port(membership.coordinator_address, credentials)
    server.start()
    yield fake
    fake.stopped.set()
    server.stop(0).wait()


@pytest.fixture
def client(consortium: tuple[Path, Membership], coordinator: FakeCoordinator) -> Iterator[Client]:
    with Client.from_profile(consortium[0]) as opened:
        yield opened


def test_a_sum_is_opened_exactly_and_says_what_it_reveals(client: Client) -> None:
    result = client.sum("accounts.balance", where="segment = 'retail'")
    assert result.total == Decimal("17500.00")
    assert result.to_json()["result"] == {"total": "17500.00"}
    assert (result.parties, result.missing, result.verified) == (PARTIES, (), True)
    assert any("sum of accounts.balance" in leak.what for leak in result.leakage)


def test_dataset_and_column_may_be_given_apart(client: Client, coordinator: FakeCoordinator) -> None:
    client.sum("accounts", "balance")
    asked = read(Request, coordinator.requests[-1].payload)
    assert (asked.arguments["dataset"], asked.arguments["column"]) == ("accounts", "balance")


def test_a_request_is_signed_by_the_requester_and_names_the_manifest(
    client: Client, coordinator: FakeCoordinator
) -> None:
    client.sum("accounts.balance", where="b IN (2, 1)", purpose="a test", valid_for=60)
    signed = coordinator.requests[-1]
    asked = signed.open(Request, coordinator.membership.requester_keys)
    assert asked.manifest == coordinator.membership.digest
    assert asked.arguments["where"] == "b IN (1, 2)"
    assert asked.expires_ms - asked.created_ms == 60_000


def test_groups_come_from_the_owners_when_all_declare_the_same(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.figures = (100, 300, 4, 4)  # two sums, then two counts
    result = client.mean("accounts.balance", group_by="segment")
    assert [(each.name, each.value) for each in result.groups] == [
        ("retail", Decimal("0.25")),
        ("public", Decimal("0.75")),
    ]


def test_groups_that_owners_declare_differently_have_to_be_given(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.groups["bank-b"] = ("retail",)
    with pytest.raises(Invalid, match="--groups"):
        client.sum("accounts.balance", group_by="segment")
    assert not coordinator.requests


def test_a_vector_comes_as_integers_of_minor_units(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.figures = (1, -250, 3)
    result = client.sum("accounts.balance", length=3)
    assert result.vector is not None
    assert result.vector.tolist() == [1, -250, 3]
    assert result.to_json()["result"]["vector"] == ["0.01", "-2.50", "0.03"]


def test_progress_is_reported_up_to_the_end(client: Client) -> None:
    seen: list[str] = []
    client.count("accounts.balance", on_progress=lambda computation: seen.append(computation.state))
    assert seen == ["PROPOSED", "RUNNING", "DONE"]


def test_a_refusal_is_raised_as_its_own_error(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.ending, coordinator.failure = REFUSED, PolicyRefused("the column is not listed", party="bank-b")
    with pytest.raises(PolicyRefused, match="not listed") as caught:
        client.sum("accounts.balance")
    assert caught.value.party == "bank-b"


def test_an_abort_names_culprits_and_suspects(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.ending = types_pb2.COMPUTATION_STATE_ABORTED
    coordinator.failure = Cheated("a share was wrong", culprits=("bank-c",), suspects=("bank-a", "bank-c"))
    with pytest.raises(Cheated) as caught:
        client.sum("accounts.balance")
    assert (caught.value.culprits, caught.value.suspects) == (("bank-c",), ("bank-a", "bank-c"))


def test_a_wrong_share_never_becomes_a_result(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.lying = "bank-b"
    with pytest.raises(Cheated):
        client.sum("accounts.balance")


def test_a_watch_that_is_cut_off_is_taken_up_again(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.breaks = 1
    assert client.sum("accounts.balance").total == Decimal("17500.00")
    assert coordinator.breaks == 0


def test_a_timeout_says_that_the_computation_goes_on(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.hangs = True
    with pytest.raises(TimedOut, match="steelyard computation show") as caught:
        client.sum("accounts.balance", timeout=PATIENCE)
    assert caught.value.party == "bank-a, bank-b, bank-c"
    assert not coordinator.cancelled


def test_a_timeout_says_whose_owner_has_not_decided_yet(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.hangs, coordinator.states = True, {"bank-b": "pending"}
    for ask in (client.sum, lambda column, timeout: list(client.watch(client.create("sum", column).id, timeout))):
        with pytest.raises(TimedOut, match="still waits for the owner of bank-b to approve it"):
            ask("accounts.balance", timeout=PATIENCE)


async def test_an_awaited_answer_says_it_too(consortium: tuple[Path, Membership], coordinator: FakeCoordinator) -> None:
    coordinator.hangs, coordinator.states = True, dict.fromkeys(PARTIES[:2], "pending")
    async with AsyncClient.from_profile(consortium[0]) as client:
        with pytest.raises(TimedOut, match="the owner of bank-a and the owner of bank-b"):
            await client.sum("accounts.balance", timeout=PATIENCE)


def test_an_interrupted_caller_cancels_the_computation(client: Client, coordinator: FakeCoordinator) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.sum("accounts.balance", on_progress=interrupt)
    asked = read(Request, coordinator.requests[-1].payload)
    assert coordinator.cancelled == [asked.computation]


def test_an_old_result_opens_again(client: Client) -> None:
    first = client.sum("accounts.balance")
    assert client.results(first.computation) == first


def test_a_computation_without_a_result_has_none_to_open(client: Client, coordinator: FakeCoordinator) -> None:
    created = client.create("sum", "accounts.balance")
    coordinator.ending = RUNNING
    with pytest.raises(Conflict, match="RUNNING"):
        client.results(created.id)


def test_a_coordinator_cannot_pass_another_request_off_as_mine(client: Client, coordinator: FakeCoordinator) -> None:
    client.sum("accounts.balance")
    coordinator.swaps = True
    with pytest.raises(Malformed, match="did not sign"):
        client.sum("accounts.balance", where="segment = 'retail'")


def test_a_list_is_collected_over_its_pages(client: Client, coordinator: FakeCoordinator) -> None:
    created = [client.create("sum", "accounts.balance").id for _ in range(5)]
    assert [each.id for each in client.list()] == created[::-1]
    assert [each.id for each in client.list(limit=3)] == created[:1:-1]


def test_an_error_of_the_coordinator_keeps_its_class_and_text(client: Client, coordinator: FakeCoordinator) -> None:
    coordinator.refuses = NotFound("there is no such thing")
    with pytest.raises(NotFound, match="no such thing"):
        client.get("0" * 32)


@pytest.mark.parametrize("column", ["accounts", ".balance", "accounts.", "accounts.bal ance", "a.b.c"])
def test_what_is_no_column_is_refused_before_anybody_hears_of_it(
    client: Client, coordinator: FakeCoordinator, column: str
) -> None:
    with pytest.raises(Invalid):
        client.sum(column)
    assert not coordinator.requests


@pytest.mark.parametrize(
    "wanted",
    [{"where": "DROP TABLE"}, {"length": -1}, {"epsilon": "0"}, {"epsilon": "much"}, {"timeout": 0}, {"valid_for": -1}],
)
def test_a_wrong_option_is_refused_before_anybody_hears_of_it(
    client: Client, coordinator: FakeCoordinator, wanted: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        client.sum("accounts.balance", **wanted)
    assert not coordinator.requests


def test_a_coordinator_that_is_away_is_unreachable(consortium: tuple[Path, Membership]) -> None:
    with Client.from_profile(consortium[0]) as client, pytest.raises(Unreachable):
        client.parties()


async def test_the_async_client_gives_the_same_result(
    consortium: tuple[Path, Membership], coordinator: FakeCoordinator
) -> None:
    coordinator.breaks = 1
    async with AsyncClient.from_profile(consortium[0]) as client:
        result = await client.sum("accounts.balance")
        assert result.total == Decimal("17500.00")
        assert await client.results(result.computation) == result
        assert [each.id for each in await client.list()] == [result.computation]
        assert [each.id for each in await client.parties()] == list(PARTIES)


async def test_the_async_client_raises_the_same_errors(
    consortium: tuple[Path, Membership], coordinator: FakeCoordinator
) -> None:
    coordinator.ending, coordinator.failure = REFUSED, PolicyRefused("the column is not listed", party="bank-b")
    async with AsyncClient.from_profile(consortium[0]) as client:
        with pytest.raises(PolicyRefused, match="not listed"):
            await client.sum("accounts.balance")
