"""What is needed to be a hostile caller: anybody's identity, any method, any request, straight to a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import msgspec
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from clients.sdk.questions import Asked, question
from coordinator.clock import now_ms
from steelyard.documents.request import Request
from steelyard.documents.signed import Signed, sign
from steelyard.errors import SteelyardError
from steelyard.identity.authority import Authority
from steelyard.identity.certificates import Role
from steelyard.identity.entries import Joiner
from steelyard.identity.homes import Home, Layout
from steelyard.identity.local import issue_here
from steelyard.identity.membership import Membership
from steelyard.randomness import token
from steelyard.rpc import codec, status
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import coordinator_pb2, node_pb2, node_pb2_grpc, peer_pb2
from tests.cluster.in_process import InProcess
from tests.cluster.runner import COORDINATOR, PARTIES

NODE: ServiceDescriptor = node_pb2.DESCRIPTOR.services_by_name["NodeService"]
PEER: ServiceDescriptor = peer_pb2.DESCRIPTOR.services_by_name["PeerService"]
DESK: ServiceDescriptor = coordinator_pb2.DESCRIPTOR.services_by_name["CoordinatorService"]


CROSSINGS = 5  # tries until a refusal is read


def methods(*services: ServiceDescriptor, without: Iterable[str] = ()) -> list[MethodDescriptor]:
    return [each for service in services for each in service.methods if each.name not in without]


class Hostile:
    """Acts on the consortium of an in-process runner; the coroutines run on its loop (`runner.run`)."""

    def __init__(self, runner: InProcess) -> None:
        self.runner = runner
        self.layout = Layout(runner.root)
        self.membership: Membership = self.layout.shared.membership()

    def home(self, role: Role, name: str = "") -> Home:
        return self.layout.home(role, name)

    def issued(self, folder: Path, joiner: Joiner) -> Home:
        """A home with fresh keys and a certificate of the consortium's own authority, in no manifest."""
        authority, made = Authority.load(self.layout.ca), Layout(folder)
        issue_here(made, authority, joiner)
        return made.home(Role(joiner.role), joiner.id)

    def request(self, function: str = "sum", column: str = "accounts.balance", asked: Asked | None = None) -> Request:
        with self.runner.client() as client:
            signed = client.desk.sign(question(function, column, None, asked or {}))
            return signed.open(Request, self.membership.requester_keys)

    def signed(self, request: Request, **changes: Any) -> Signed:
        """The request, changed, with the analyst's true signature."""
        key = self.home(Role.REQUESTER, "analyst").signing_key()
        return sign(msgspec.structs.replace(request, **changes), "analyst", key)

    def request_of(self, signed: Signed) -> str:
        return signed.open(Request, self.membership.requester_keys).computation

    @asynccontextmanager
    async def calling(self, home: Home, target: str) -> AsyncIterator[grpc.aio.Channel]:
        """A channel to a server under somebody's identity."""
        channel = PinnedChannel(home.path, self._endpoint(target))
        try:
            async with channel.calling() as opened:
                yield opened
        finally:
            await channel.close()

    async def call(self, home: Home, target: str, method: MethodDescriptor) -> SteelyardError | None:
        """Calls a method with an empty message; the error that came back, None when it was let through."""
        for _ in range(CROSSINGS):
            error = await self._call(home, target, method)
            if "INTERNAL" not in str(error) or not method.client_streaming:
                break  # gRPC's client says INTERNAL where its message and a refusal cross on their way
        return error

    async def _call(self, home: Home, target: str, method: MethodDescriptor) -> SteelyardError | None:
        path = f"/{method.containing_service.full_name}/{method.name}"
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        request = GetMessageClass(method.input_type)()
        try:
            async with self.calling(home, target) as channel:
                made = getattr(channel, kind)(path, type(request).SerializeToString, bytes)
                call = made(iter([request]) if method.client_streaming else request, timeout=30)
                await call.read() if method.server_streaming else await call
        except SteelyardError as error:
            return error
        return None

    async def propose(
        self, party: str, signed: Signed, attempt: str = "", participants: Sequence[str] = ()
    ) -> node_pb2.ProposeResponse:
        """The coordinator's question to a node, for its hello too with an attempt; raises what the node raises."""
        request = codec.signed_to_proto(signed)
        message = node_pb2.ProposeRequest(request=request, attempt=attempt, participants=participants)
        async with self._node(party) as stub:
            answer: node_pb2.ProposeResponse = await stub.Propose(message, timeout=30)
            return answer

    async def hellos(self, signed: Signed, attempt: str, participants: Sequence[str] = PARTIES) -> list[Signed]:
        """Everybody's hello for an attempt."""
        answers = [await self.propose(party, signed, attempt, participants) for party in participants]
        return [codec.signed_from_proto(each.hello) for each in answers]

    async def run(
        self, party: str, signed: Signed, attempt: str, participants: Sequence[str], hellos: Sequence[Signed] = ()
    ) -> SteelyardError | None:
        """The coordinator's word to a node; None when the node says that it is done."""
        message = node_pb2.RunRequest(
            computation=self.request_of(signed),
            attempt=attempt,
            participants=participants,
            request=codec.signed_to_proto(signed),
            hellos=map(codec.signed_to_proto, hellos),
        )
        try:
            async with self._node(party) as stub:
                async for response in stub.Run(message, timeout=40):
                    if response.WhichOneof("event") == "failure":
                        return status.failure_from_proto(response.failure)
                    if response.done:
                        return None
        except SteelyardError as error:
            return error
        raise AssertionError("the node ended without a word")

    async def cancel(self, party: str, signed: Signed) -> None:
        """The coordinator's word that a computation has ended."""
        async with self._node(party) as stub:
            await stub.Cancel(node_pb2.CancelRequest(computation=self.request_of(signed)), timeout=30)

    async def attempt(
        self, groups: Mapping[str, Sequence[str]], signed: Signed, others: Mapping[str, Signed] | None = None
    ) -> dict[str, SteelyardError | None]:
        """One attempt in which every party is told its own participants; `others` are given other requests."""
        number, asked = token(16).hex(), dict.fromkeys(groups, signed) | dict(others or {})
        ended = await asyncio.gather(*(self.run(party, asked[party], number, g) for party, g in groups.items()))
        return dict(zip(groups, ended, strict=True))

    async def released(self, computation: str) -> list[str]:
        """The parties that hand out a result share for this computation."""
        found: list[str] = []
        for party in self.membership.parties:
            try:
                async with self._node(party) as stub:
                    call = stub.FetchResult(node_pb2.FetchResultRequest(computation=computation), timeout=30)
                    found += [party for _ in [each async for each in call]][:1]
            except SteelyardError as error:
                assert error.reason == "NOT_FOUND", error  # noqa: PT017
        return found

    def entered(self, computation: str) -> list[str]:
        """The parties whose ledger has an entry of this computation."""
        nodes = self.runner.nodes
        return [party for party in self.membership.parties if nodes[party].books.ledger.entry(computation) is not None]

    @asynccontextmanager
    async def _node(self, party: str) -> AsyncIterator[Any]:
        async with self.calling(self.home(Role.COORDINATOR), party) as channel:
            yield node_pb2_grpc.NodeServiceStub(channel)

    def _endpoint(self, target: str) -> Endpoint:
        manifest = self.membership.manifest
        if target == COORDINATOR:
            return Endpoint(target, manifest.coordinator.address, manifest.coordinator.tls)
        node = next(each for each in manifest.nodes if each.party == target)
        return Endpoint(target, node.address, node.tls)


def later(milliseconds: int) -> int:
    return now_ms() + milliseconds
