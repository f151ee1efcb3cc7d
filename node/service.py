"""NodeService for the coordinator: decode, call, encode; no logic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

import steelyard
from node.books import Books
from node.catalogue import catalogue, sharings
from node.computations import Recorded
from node.engine import Engine, Order
from node.handover import Handover
from node.owner import DECISIONS, OwnerService
from steelyard.documents.contribution import Bundle
from steelyard.documents.request import Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import read
from steelyard.epochs.settlement import decode_step
from steelyard.errors import Conflict, Invalid, Stale, SteelyardError
from steelyard.functions.answered import PURPOSE as ANSWER
from steelyard.functions.answered import call_of
from steelyard.functions.catalogue import question_of
from steelyard.identity.homes import Home
from steelyard.identity.sealing import MAX_PLAINTEXT, OVERHEAD
from steelyard.ids import PartyId, attempt_id, computation_id
from steelyard.rpc import codec, tls
from steelyard.rpc.channel import PIECE
from steelyard.rpc.defects import reported
from steelyard.rpc.interceptors import Context
from steelyard.rpc.links import Links
from steelyard.rpc.status import failure_to_proto
from steelyard.v1 import node_pb2, types_pb2

STEP_SECONDS: Final = 0.3
BATCH: Final = 1 << 24  # bytes of contributions that are checked and stored at once
MANY: Final = 500  # contributions that are


@dataclass(slots=True)
class _Reports:
    """What a running attempt tells its caller, from whatever thread it comes."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    queue: asyncio.Queue[node_pb2.RunResponse] = field(default_factory=asyncio.Queue)
    signed: bool = False
    next_step: float = 0.0

    def __post_init__(self) -> None:
        self.next_step = self.loop.time() + STEP_SECONDS

    def step(self, name: str) -> None:
        """Steps of a quick attempt are not worth a message: only those that begin after a while."""
        now = self.loop.time()
        if now >= self.next_step:
            self.next_step = now + STEP_SECONDS
            self.put(node_pb2.RunResponse(step=name))

    def progress(self, step: str, line: bytes, urgent: bool) -> None:
        """Not every line is worth a message, either; but those with figures of quality are."""
        now = self.loop.time()
        if urgent or now >= self.next_step:
            self.next_step = now + STEP_SECONDS
            self.put(node_pb2.RunResponse(step=step, progress=line))

    def on_signed(self) -> None:
        self.signed = True

    def put(self, response: node_pb2.RunResponse) -> None:
        response.input_set_signed = self.signed
        self.loop.call_soon_threadsafe(self.queue.put_nowait, response)


class NodeService(OwnerService):
    """The coordinator's methods; the owner's are in `node.owner`."""

    def __init__(self, books: Books, engine: Engine, links: Links, home: Home, state: Path) -> None:
        super().__init__(books, state, Handover.of(books, home.path))
        self._engine = engine
        self._links = links
        self._home = home

    async def Propose(self, request: node_pb2.ProposeRequest, context: Context) -> node_pb2.ProposeResponse:
        self._books.health.require()
        self._engine.require()  # an approval would be followed by an attempt, of which there are only a few
        signed = codec.signed_from_proto(request.request)
        recorded = self._books.consent.decide(signed)
        if recorded.decision != "refused":
            self._books.consent.require_share(recorded)
        answer = node_pb2.ProposeResponse(
            decision=DECISIONS[recorded.decision],
            contributes=recorded.decision != "refused" and self._holds(recorded),
        )
        if recorded.failure is not None:
            answer.failure.CopyFrom(failure_to_proto(recorded.failure))
        if request.attempt and recorded.decision == "approved":
            try:
                answer.hello.CopyFrom(codec.signed_to_proto(self._engine.introduce(_order(recorded, request))))
            except SteelyardError as error:  # what is in the way of the attempt, `Run` will say
                if isinstance(error, Stale):
                    raise  # it is since the approval; the others go on without this node
        return answer

    async def Run(self, request: node_pb2.RunRequest, context: Context) -> AsyncIterator[node_pb2.RunResponse]:
        recorded = self._books.consent.decide(codec.signed_from_proto(request.request))
        if recorded.id != request.computation:
            raise Invalid("the request belongs to another computation")
        reports = _Reports()
        task = asyncio.create_task(self._run(recorded, request, reports))
        try:
            while True:
                response = await reports.queue.get()
                yield response
                if response.WhichOneof("event") != "step":
                    return
        finally:
            task.cancel()  # the coordinator went away, or the attempt has ended anyway

    async def FetchResult(
        self, request: node_pb2.FetchResultRequest, context: Context
    ) -> AsyncIterator[node_pb2.FetchResultResponse]:
        result = await asyncio.to_thread(self._books.computations.result, computation_id(request.computation))
        for chunk in codec.result_to_chunks(result):
            yield node_pb2.FetchResultResponse(chunk=chunk)

    async def Cancel(self, request: node_pb2.CancelRequest, context: Context) -> node_pb2.CancelResponse:
        computation = computation_id(request.computation)
        self._engine.cancel(computation)
        await self._engine.ended(computation)
        await asyncio.to_thread(self._books.ended, computation, done=request.done)
        return node_pb2.CancelResponse()

    async def ListStandings(
        self, request: node_pb2.ListStandingsRequest, context: Context
    ) -> node_pb2.ListStandingsResponse:
        found = await asyncio.to_thread(self._books.changes.statuses)
        wanted = [each for _, each in found if each.record.undecided or not request.undecided_only]
        return node_pb2.ListStandingsResponse(statuses=map(msgspec.json.encode, wanted))

    async def SettleChange(
        self, request: node_pb2.SettleChangeRequest, context: Context
    ) -> node_pb2.SettleChangeResponse:
        step = decode_step(request.step)
        votes = [codec.signed_from_proto(each) for each in request.votes]
        status = await asyncio.to_thread(self._books.changes.take, step, votes)
        return node_pb2.SettleChangeResponse(status=msgspec.json.encode(status))

    async def Deliver(
        self, requests: AsyncIterator[node_pb2.DeliverRequest], context: Context
    ) -> node_pb2.DeliverResponse:
        self._books.health.require()
        assembler = codec.BundleAssembler(lambda registration, header: MAX_PLAINTEXT + OVERHEAD)
        receipts: list[node_pb2.Receipt] = []
        batch: list[Bundle] = []
        async for request in requests:
            bundle = assembler.feed(request.chunk)
            batch += [bundle] if bundle else []
            if sum(each.size for each in batch) >= BATCH or len(batch) >= MANY:
                receipts += await self._delivered(batch)
                batch = []
        assembler.end()
        return node_pb2.DeliverResponse(receipts=receipts + await self._delivered(batch))

    async def Describe(self, request: node_pb2.DescribeRequest, context: Context) -> node_pb2.DescribeResponse:
        self._books.health.require()
        return node_pb2.DescribeResponse(
            party=self._books.party,
            version=steelyard.__version__,
            manifest=self._books.membership.digest,
            certificate_days=tls.days_left(self._home.path),
            datasets=await asyncio.to_thread(catalogue, self._books),
            sharings=await asyncio.to_thread(sharings, self._books),
            connected_peers=self._links.connected,
            sealing_key=await asyncio.to_thread(self._sealing_key),
        )

    async def _delivered(self, batch: Sequence[Bundle]) -> list[node_pb2.Receipt]:
        outcomes = await asyncio.to_thread(self._books.inbox.deliver, batch)
        return [
            node_pb2.Receipt(id=identifier, failure=None if failure is None else failure_to_proto(failure))
            for identifier, failure in outcomes
        ]

    def _sealing_key(self) -> types_pb2.SignedDocument | None:
        newest = self._books.sealing.newest
        return None if newest is None else codec.signed_to_proto(newest)

    def _holds(self, recorded: Recorded) -> bool:
        """Whether it has something to bring; raises Conflict where firms' answers have been used already."""
        request = read(Request, recorded.request.payload)
        question = question_of(request)
        wanted = question.wanted
        if question.purpose == ANSWER:
            self._books.require_unused(request)
        if wanted.stored:
            return self._books.sharings.find(wanted.stored) is not None
        here = self._books.datasets.find(wanted.dataset) is not None
        if here or not question.purpose:
            return here
        name = question.held_as(call_of(request))
        return bool(self._books.inbox.list(name, question.purpose))

    async def _run(self, recorded: Recorded, request: node_pb2.RunRequest, reports: _Reports) -> None:
        try:
            if recorded.decision != "approved":
                raise Conflict(f"this computation is {recorded.decision} at {self._books.party}")
            order = replace(
                _order(recorded, request),
                hellos=tuple(map(codec.signed_from_proto, request.hellos)),
                on_step=reports.step,
                on_signed=reports.on_signed,
                on_progress=reports.progress,
            )
            reports.put(_done(await self._engine.run(order)))
        except SteelyardError as error:
            error.party = error.party or self._books.party
            reports.put(node_pb2.RunResponse(failure=failure_to_proto(error)))
        except Exception as error:
            reports.put(
                node_pb2.RunResponse(failure=failure_to_proto(reported(error, self._books.party, method="Run")))
            )


def _order(recorded: Recorded, request: node_pb2.ProposeRequest | node_pb2.RunRequest) -> Order:
    return Order(recorded, attempt_id(request.attempt), tuple(PartyId(party) for party in request.participants))


def _done(result: SealedResult) -> node_pb2.RunResponse:
    """Done, with the result itself if it is short: that saves the coordinator a call."""
    response = node_pb2.RunResponse(done=True)
    if len(result.ciphertext) <= PIECE:
        response.result.CopyFrom(next(codec.result_to_chunks(result)))
    return response
