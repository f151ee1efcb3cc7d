"""Calls to one party's node: protobuf and gRPC on that side, our own types and errors on this one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias

import grpc.aio
import msgspec

from steelyard.documents.attempt import ResultNote
from steelyard.documents.contribution import Bundle
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed, decode
from steelyard.epochs.settlement import Ask, Show, Status
from steelyard.errors import Failed, Malformed, Refused, SteelyardError, Unauthenticated
from steelyard.identity.certificates import Identity, Role
from steelyard.identity.membership import Membership
from steelyard.rpc import codec, status
from steelyard.rpc.channel import PIECE, PinnedChannel
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import node_pb2, node_pb2_grpc, types_pb2

MAX_PROGRESS: Final = 1024  # bytes

Order: TypeAlias = node_pb2.RunRequest


class Decision(Enum):
    APPROVED = node_pb2.DECISION_APPROVED
    PENDING = node_pb2.DECISION_PENDING
    REFUSED = node_pb2.DECISION_REFUSED


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node says to a proposal; `failure` is set when it refuses, `hello` perhaps when it approves."""

    decision: Decision
    contributes: bool = False
    failure: SteelyardError | None = None
    hello: Signed | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A node's word during an attempt: a step it begins, or that it is done."""

    name: str
    done: bool
    input_set_signed: bool
    result: SealedResult | None = None
    progress: bytes = b""  # of a training run, sealed to the requester


class NodeClient:
    """One party's node.  Every method raises Failed when there is no answer and what the node raised when there is."""

    def __init__(self, party: str, channel: PinnedChannel, membership: Membership) -> None:
        self.party: Final = party
        self._channel = channel
        self._keys = membership.signing_keys
        self._stub: tuple[grpc.aio.Channel, node_pb2_grpc.NodeServiceAsyncStub] | None = None

    async def propose(self, request: Signed, seconds: float, attempt: str, participants: Sequence[str]) -> Answer:
        """With an attempt's id the node is asked for its hello, too."""
        message = node_pb2.ProposeRequest(
            request=codec.signed_to_proto(request), attempt=attempt, participants=participants if attempt else ()
        )
        async with self._calling() as stub:
            response = await stub.Propose(message, timeout=seconds)
        if response.decision == node_pb2.DECISION_REFUSED:
            return Answer(Decision.REFUSED, failure=_refusal(response.failure, self.party))
        hello = codec.signed_from_proto(response.hello) if response.HasField("hello") else None
        try:
            return Answer(Decision(response.decision), response.contributes, hello=hello)
        except ValueError:
            raise Failed(f"{self.party} gave an answer that this version does not know", party=self.party) from None

    async def run(self, order: Order, request: Signed, seconds: float) -> AsyncGenerator[Step]:
        """The node's words until it is done; raises what ended the attempt there."""
        async with self._calling() as stub:
            call = stub.Run(order, timeout=seconds)
            try:
                async for response in call:
                    if response.WhichOneof("event") == "failure":
                        raise status.failure_from_proto(response.failure, response.failure.party or self.party)
                    result = (
                        await self._whole(response, order.computation, request) if response.HasField("result") else None
                    )
                    progress = response.progress if len(response.progress) <= MAX_PROGRESS else b""
                    yield Step(response.step[:60], response.done, response.input_set_signed, result, progress)
                    if response.done:
                        return
            finally:
                call.cancel()
        raise Failed(f"{self.party} ended the attempt without a word", party=self.party)

    async def _whole(self, response: node_pb2.RunResponse, id_: str, request: Signed) -> SealedResult | None:
        """A result short enough to come with the word that it is done."""
        result = codec.ResultAssembler().feed(response.result)
        if result is not None:
            await self._check(result, id_, request)
        return result

    async def fetch(self, computation: str, request: Signed, seconds: float) -> SealedResult:
        """The sealed result, which matches its note, which the node signed; raises NotFound when there is none yet."""
        assembler = codec.ResultAssembler()
        async with self._calling() as stub:
            call = stub.FetchResult(node_pb2.FetchResultRequest(computation=computation), timeout=seconds)
            try:
                async for response in call:
                    result = assembler.feed(response.chunk)
                    if result is not None:
                        await self._check(result, computation, request)
                        return result
            finally:
                call.cancel()
        raise Failed(f"{self.party} ended its result in the middle", party=self.party)

    async def deliver(self, bundles: Sequence[Bundle], seconds: float) -> list[tuple[str, SteelyardError | None]]:
        """Hands over this node's shares; for each contribution its id, and why the node does not take it."""
        requests = [node_pb2.DeliverRequest(chunk=chunk) for each in bundles for chunk in codec.bundle_to_chunks(each)]
        async with self._calling() as stub:
            response = await stub.Deliver(iter(requests), timeout=seconds)
        return [
            (each.id, status.failure_from_proto(each.failure, self.party) if each.HasField("failure") else None)
            for each in response.receipts
        ]

    async def cancel(self, computation: str, seconds: float, *, done: bool = False) -> None:
        async with self._calling() as stub:
            await stub.Cancel(node_pb2.CancelRequest(computation=computation, done=done), timeout=seconds)

    async def describe(self, seconds: float) -> node_pb2.DescribeResponse:
        async with self._calling() as stub:
            return await stub.Describe(node_pb2.DescribeRequest(), timeout=seconds)

    async def standings(self, seconds: float) -> list[Status]:
        """Where the node stands with its stored sharings."""
        async with self._calling() as stub:
            response = await stub.ListStandings(node_pb2.ListStandingsRequest(), timeout=seconds)
        found = [decode(each, Status, "standing") for each in response.statuses]
        if any(each.party != self.party for each in found):
            raise Malformed(f"{self.party} speaks of another party's standing", party=self.party)
        return found

    async def settle(self, step: Show | Ask, votes: Iterable[Signed], seconds: float) -> None:
        """Shows the node a certificate, or asks it for a vote."""
        message = node_pb2.SettleChangeRequest(step=msgspec.json.encode(step), votes=map(codec.signed_to_proto, votes))
        async with self._calling() as stub:
            await stub.SettleChange(message, timeout=seconds)

    async def close(self) -> None:
        await self._channel.close()

    @asynccontextmanager
    async def _calling(self) -> AsyncIterator[node_pb2_grpc.NodeServiceAsyncStub]:
        async with self._channel.calling() as channel:
            if self._stub is None or self._stub[0] is not channel:
                self._stub = channel, node_pb2_grpc.NodeServiceStub(channel)
            yield self._stub[1]

    async def _check(self, result: SealedResult, computation: str, request: Signed) -> None:
        try:
            note = result.note.open(ResultNote, self._keys)
        except Unauthenticated as error:
            raise Malformed(f"{self.party} delivered a result without its note: {error}", party=self.party) from None
        hashed = await _sha256(result.ciphertext)
        said = (note.computation, note.request, note.party, result.note.signer, note.length, note.ciphertext)
        true = (computation, request.digest.hex(), self.party, self.party, len(result.ciphertext), hashed)
        if said != true or result.party != self.party:
            raise Malformed(f"{self.party} delivered a result that its note does not match", party=self.party)


async def _sha256(data: bytes) -> str:
    """In a thread if it takes long enough for others to notice."""
    if len(data) <= PIECE:
        return hashlib.sha256(data).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()


def order_for(id_: str, request: Signed, attempt: str, participants: Sequence[str], hellos: Sequence[Signed]) -> Order:
    """The word to begin, the same for every node."""
    return Order(
        computation=id_,
        attempt=attempt,
        participants=participants,
        request=codec.signed_to_proto(request),
        hellos=map(codec.signed_to_proto, hellos),
    )


def connect(home: Path, membership: Membership, patience: float) -> Mapping[str, NodeClient]:
    """A client for every node of the manifest, in its order; nothing is dialled yet."""
    clients: dict[str, NodeClient] = {}
    for party in membership.parties:
        pin = membership.pin(Identity(membership.consortium, Role.NODE, party))
        channel = PinnedChannel(home, Endpoint(party, membership.address(party), pin), patience)
        clients[party] = NodeClient(party, channel, membership)
    return clients


def _refusal(failure: types_pb2.Failure, party: str) -> SteelyardError:
    """A refusal stays one: a node that says no for a reason that we take for a failure is not asked again and again."""
    error = status.failure_from_proto(failure, party)
    return error if isinstance(error, Refused) else Refused(error.message, party=party)
