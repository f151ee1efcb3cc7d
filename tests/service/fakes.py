"""A consortium in one process for tests: real certificates, real mutual TLS, a real coordinator, scripted nodes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import msgspec

from clients.local.ports import free_ports
from coordinator.app import App
from coordinator.clock import now_ms
from coordinator.config import Config, Limits, Timing
from steelyard.documents.attempt import ResultNote
from steelyard.documents.contribution import Bundle, ContributionHeader
from steelyard.documents.request import Request
from steelyard.documents.sealed_result import CountedSignature, SealedResult
from steelyard.documents.signed import Signed, read, sign
from steelyard.errors import NotFound, SteelyardError
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Home, Layout
from steelyard.identity.local import make_local_consortium
from steelyard.identity.membership import Membership
from steelyard.randomness import token
from steelyard.rpc import codec, status
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.server import Server
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import coordinator_pb2 as pb
from steelyard.v1 import node_pb2, node_pb2_grpc
from steelyard.v1.coordinator_pb2_grpc import CoordinatorServiceStub

PARTIES = ("bank-a", "bank-b", "bank-c")
COORDINATOR_ONLY = frozenset({Role.COORDINATOR})
NODE_RULES = {
    f"/steelyard.v1.NodeService/{name}": COORDINATOR_ONLY
    for name in ("Propose", "Run", "FetchResult", "Cancel", "Describe", "Deliver")
}
QUICK = Timing(  # for tests about whom nobody waits for any more; where others are slower than this, they fail
    computation=120,
    call=30,
    missing=0.3,
    back=0.6,
    long_back=5,
    poll=0.05,
    failed=0.2,
    broken=0.5,
    delivered=0.2,
    describe=0.3,
    deliver=0.1,
)
PATIENT = msgspec.structs.replace(QUICK, missing=60, back=60, failed=2, broken=60, delivered=60)  # busy machines
SOON_MISSING = msgspec.structs.replace(PATIENT, missing=0.3)  # with nodes that are down from the beginning


def make_consortium(root: Path, parties: tuple[str, ...] = PARTIES, threshold: int = 2) -> Membership:
    ports = free_ports(len(parties) + 1)
    addresses = {party: f"127.0.0.1:{port}" for party, port in zip(parties, ports, strict=False)}
    return make_local_consortium(root, parties, threshold, addresses, f"127.0.0.1:{ports[-1]}")


Answer = node_pb2.ProposeResponse | SteelyardError
Act = Callable[["FakeNode", node_pb2.RunRequest], AsyncIterator[node_pb2.RunResponse]]


def approved(contributes: bool = True) -> Answer:
    return node_pb2.ProposeResponse(decision=node_pb2.DECISION_APPROVED, contributes=contributes)


def pending() -> Answer:
    return node_pb2.ProposeResponse(decision=node_pb2.DECISION_PENDING)


def refused(error: SteelyardError) -> Answer:
    return node_pb2.ProposeResponse(decision=node_pb2.DECISION_REFUSED, failure=status.failure_to_proto(error))


async def finish(node: FakeNode, request: node_pb2.RunRequest) -> AsyncIterator[node_pb2.RunResponse]:
    """What an honest node does."""
    yield node_pb2.RunResponse(step="hello")
    yield node_pb2.RunResponse(step="open", input_set_signed=True)
    node.seal(request.computation, codec.signed_from_proto(request.request))
    yield node_pb2.RunResponse(done=True, input_set_signed=True)


def fail(error: SteelyardError, *, signed: bool = False) -> Act:
    async def act(node: FakeNode, request: node_pb2.RunRequest) -> AsyncIterator[node_pb2.RunResponse]:
        yield node_pb2.RunResponse(failure=status.failure_to_proto(error), input_set_signed=signed)

    return act


async def hang(node: FakeNode, request: node_pb2.RunRequest) -> AsyncIterator[node_pb2.RunResponse]:
    yield node_pb2.RunResponse(step="hello")
    await asyncio.sleep(3600)


async def die(node: FakeNode, request: node_pb2.RunRequest) -> AsyncIterator[node_pb2.RunResponse]:
    """As if killed in the middle of an attempt."""
    yield node_pb2.RunResponse(step="hello")
    node.dying = asyncio.create_task(node.kill())
    await asyncio.sleep(3600)


@dataclass
class FakeNode(node_pb2_grpc.NodeServiceServicer):
    """`answers` and `acts` are used up one by one; the last one repeats."""

    party: str
    home: Home
    membership: Membership
    answers: list[Answer] = field(default_factory=lambda: [approved()])
    acts: list[Act] = field(default_factory=lambda: [finish])
    proposals: list[Signed] = field(default_factory=list)
    runs: list[node_pb2.RunRequest] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)  # those of them that have a result
    results: dict[str, SealedResult] = field(default_factory=dict)
    payload: bytes = b"sealed"
    delivered: dict[str, Bundle] = field(default_factory=dict)
    unwanted: SteelyardError | None = None  # why it does not take contributions
    problem: SteelyardError | None = None
    server: Server | None = None
    dying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        authorise = Authorise(self.membership, NODE_RULES, self.party)
        add = partial(node_pb2_grpc.add_NodeServiceServicer_to_server, self)
        self.server = Server(self.membership.address(self.party), self.home.path, authorise, [add])
        await self.server.start()

    async def kill(self) -> None:
        """Afterwards `server` is None and its port is free."""
        if self.server is not None:
            await self.server.stop(0)
            self.server = None

    def seal(self, computation: str, request: Signed, **changes: Any) -> None:
        note = ResultNote(
            computation=computation,
            request=request.digest.hex(),
            party=self.party,
            input_set=b"{}",
            ciphertext=hashlib.sha256(self.payload).hexdigest(),
            length=len(self.payload),
        )
        note = msgspec.structs.replace(note, **changes)
        certificate = tuple(CountedSignature(party, bytes(64)) for party in self.membership.parties)
        signed = sign(note, self.party, self.home.signing_key())
        self.results[computation] = SealedResult(self.party, signed, certificate, self.payload)

    async def Propose(self, request: node_pb2.ProposeRequest, context: Any) -> node_pb2.ProposeResponse:  # noqa: N802
        self.proposals.append(codec.signed_from_proto(request.request))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, SteelyardError):
            raise answer
        return answer

    async def Run(self, request: node_pb2.RunRequest, context: Any) -> AsyncIterator[node_pb2.RunResponse]:  # noqa: N802
        self.runs.append(request)
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        async for response in act(self, request):
            yield response

    async def FetchResult(  # noqa: N802
        self, request: node_pb2.FetchResultRequest, context: Any
    ) -> AsyncIterator[node_pb2.FetchResultResponse]:
        if request.computation not in self.results:
            raise NotFound("no result")
        for chunk in codec.result_to_chunks(self.results[request.computation]):
            yield node_pb2.FetchResultResponse(chunk=chunk)

    async def Cancel(self, request: node_pb2.CancelRequest, context: Any) -> node_pb2.CancelResponse:  # noqa: N802
        self.cancelled.append(request.computation)
        self.done |= {request.computation} if request.done else set()
        return node_pb2.CancelResponse()

    async def Deliver(self, requests: AsyncIterator[node_pb2.DeliverRequest], context: Any) -> node_pb2.DeliverResponse:  # noqa: N802
        assembler, response = codec.BundleAssembler(lambda registration, header: 1 << 27), node_pb2.DeliverResponse()
        async for request in requests:
            bundle = assembler.feed(request.chunk)
            if bundle is not None:
                header = read(ContributionHeader, bundle.header.payload)
                failure = None if self.unwanted is None else status.failure_to_proto(self.unwanted)
                response.receipts.add(id=header.id, failure=failure)
                if failure is None:
                    self.delivered[header.id] = bundle
        assembler.end()
        return response

    async def Describe(self, request: node_pb2.DescribeRequest, context: Any) -> node_pb2.DescribeResponse:  # noqa: N802
        if self.problem is not None:
            raise self.problem
        return node_pb2.DescribeResponse(
            party=self.party, version="fake", manifest=self.membership.digest, certificate_days=7
        )


async def fetched(stub: Any, computation: str) -> dict[str, bytes]:
    """The requester's view of the results: party to ciphertext."""
    assembler, found = codec.ResultAssembler(), {}
    async for response in stub.FetchResults(pb.FetchResultsRequest(id=computation), timeout=30):
        result = assembler.feed(response.chunk)
        if result is not None:
            found[result.party] = result.ciphertext
    assembler.end()
    return found


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@dataclass
class World:
    """Everything a test of the coordinator needs."""

    root: Path
    membership: Membership
    nodes: dict[str, FakeNode]
    app: App
    channel: PinnedChannel
    stub: Any
    config: Config

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def request(self, **changes: Any) -> Signed:
        now = now_ms()
        request = Request(
            computation=token(16).hex(),
            manifest=self.membership.digest,
            requester="analyst",
            function="sum",
            arguments={},
            created_ms=now,
            expires_ms=now + 600_000,
        )
        key = self.layout.home(Role.REQUESTER, "analyst").signing_key()
        return sign(msgspec.structs.replace(request, **changes), "analyst", key)

    async def create(self, signed: Signed | None = None, **changes: Any) -> pb.Computation:
        signed = signed or self.request(**changes)
        message = pb.CreateComputationRequest(request=codec.signed_to_proto(signed))
        response: pb.CreateComputationResponse = await self.stub.CreateComputation(message, timeout=30)
        return response.computation

    async def ended(self, computation: pb.Computation, seconds: float = 240) -> pb.Computation:
        """Watches until the end."""
        seen = computation
        watching = self.stub.WatchComputation(pb.WatchComputationRequest(id=computation.id), timeout=seconds)
        async for response in watching:
            seen = response.computation
        return seen

    async def asked(self, **changes: Any) -> pb.Computation:
        return await self.ended(await self.create(**changes))

    async def begin_again(self) -> None:
        """A new process that finds what is on disk."""
        self.app = App(self.config)
        await self.app.start()
        self.stub = CoordinatorServiceStub(await self.channel.get())

    async def restart(self) -> None:
        """As after kill -9: nothing is said to anybody."""
        await abandon(self.app)
        await self.begin_again()


async def abandon(app: App) -> None:
    """Tears the coordinator down without letting it finish anything."""
    tasks = [*app.scheduler._tasks.values(), *app._tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await app.stop(0)


@asynccontextmanager
async def world(
    root: Path,
    *,
    timing: Timing = PATIENT,
    limits: Limits = Limits(),  # noqa: B008
    parties: tuple[str, ...] = PARTIES,
    threshold: int = 2,
    down: tuple[str, ...] = (),
) -> AsyncIterator[World]:
    membership = make_consortium(root, parties, threshold)
    layout = Layout(root)
    nodes = {p: FakeNode(p, layout.home(Role.NODE, p), membership) for p in membership.parties}
    config = Config(
        identity=layout.home(Role.COORDINATOR).path,
        listen=membership.coordinator_address,
        state=root / "state",
        timing=timing,
        limits=limits,
    )
    async with AsyncExitStack() as stack:
        for party, node in nodes.items():
            stack.push_async_callback(node.kill)
            if party not in down:
                await node.start()
        app = App(config)
        await app.start()
        channel = requester_channel(layout.home(Role.REQUESTER, "analyst"), membership)
        stack.push_async_callback(channel.close)
        made = World(root, membership, nodes, app, channel, CoordinatorServiceStub(await channel.get()), config)
        stack.push_async_callback(lambda: made.app.stop(0))
        yield made


def requester_channel(home: Home, membership: Membership) -> PinnedChannel:
    pin = membership.manifest.coordinator.tls
    return PinnedChannel(home.path, Endpoint("the coordinator", membership.coordinator_address, pin))


def meaning(error: grpc.aio.AioRpcError) -> SteelyardError:
    return status.from_rpc_error(error, "the coordinator")
