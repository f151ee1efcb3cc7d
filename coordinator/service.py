"""`CoordinatorService`: decodes, calls, encodes; every decision is made elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc.aio

from coordinator.computation import Computation
from coordinator.contributions import Stored
from coordinator.desk import Desk
from coordinator.directory import Directory, Entry
from coordinator.intake import Intake
from coordinator.lifecycle import State
from steelyard.rpc import codec, status
from steelyard.rpc.authorisation import caller
from steelyard.rpc.channel import PIECE
from steelyard.v1 import coordinator_pb2 as pb
from steelyard.v1 import coordinator_pb2_grpc, types_pb2

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class CoordinatorService(coordinator_pb2_grpc.CoordinatorServiceServicer):
    def __init__(self, desk: Desk, intake: Intake, directory: Directory) -> None:
        self._desk = desk
        self._intake = intake
        self._directory = directory

    async def CreateComputation(
        self, request: pb.CreateComputationRequest, context: Context
    ) -> pb.CreateComputationResponse:
        computation = await self._desk.create(caller().id, codec.signed_from_proto(request.request))
        return pb.CreateComputationResponse(computation=to_proto(computation))

    async def GetComputation(self, request: pb.GetComputationRequest, context: Context) -> pb.GetComputationResponse:
        return pb.GetComputationResponse(computation=to_proto(await self._desk.get(caller().id, request.id)))

    async def ListComputations(
        self, request: pb.ListComputationsRequest, context: Context
    ) -> pb.ListComputationsResponse:
        found, token = await self._desk.page(caller().id, request.page_size, request.page_token)
        return pb.ListComputationsResponse(computations=map(to_proto, found), next_page_token=token)

    async def WatchComputation(
        self, request: pb.WatchComputationRequest, context: Context
    ) -> AsyncIterator[pb.WatchComputationResponse]:
        computation = await self._desk.get(caller().id, request.id)
        async for _ in computation.watch():
            yield pb.WatchComputationResponse(computation=to_proto(computation), results=_short_results(computation))

    async def CancelComputation(
        self, request: pb.CancelComputationRequest, context: Context
    ) -> pb.CancelComputationResponse:
        return pb.CancelComputationResponse(computation=to_proto(await self._desk.cancel(caller().id, request.id)))

    async def FetchResults(
        self, request: pb.FetchResultsRequest, context: Context
    ) -> AsyncIterator[pb.FetchResultsResponse]:
        for result in await self._desk.results(caller().id, request.id):
            for chunk in codec.result_to_chunks(result):
                yield pb.FetchResultsResponse(chunk=chunk)

    async def ListParties(self, request: pb.ListPartiesRequest, context: Context) -> pb.ListPartiesResponse:
        parties = [_party(entry) for entry in self._directory.entries.values()]
        return pb.ListPartiesResponse(parties=parties, manifest=self._desk.membership.digest)

    async def Contribute(
        self, requests: AsyncIterator[pb.ContributeRequest], context: Context
    ) -> pb.ContributeResponse:
        chunks = (request.chunk async for request in requests)
        return pb.ContributeResponse(ids=await self._intake.take(caller().id, chunks))

    async def ListContributions(
        self, request: pb.ListContributionsRequest, context: Context
    ) -> pb.ListContributionsResponse:
        found, token = await self._intake.page(caller().id, request.page_size, request.page_token)
        return pb.ListContributionsResponse(contributions=map(_contribution, found), next_page_token=token)


def to_proto(computation: Computation) -> pb.Computation:
    message = pb.Computation(
        id=computation.id,
        state=types_pb2.ComputationState.Value(f"COMPUTATION_STATE_{computation.state}"),
        request=codec.signed_to_proto(computation.signed),
        created_ms=computation.created_ms,
        updated_ms=computation.updated_ms,
        parties=[pb.PartyProgress(party=p, state=e.state, step=e.step) for p, e in computation.parties.items()],
        attempts=computation.attempts,
    )
    if computation.failure is not None:
        message.failure.CopyFrom(status.failure_to_proto(computation.failure))
    return message


def _short_results(computation: Computation) -> list[types_pb2.ResultChunk]:
    """What saves the requester of a small sum a call."""
    there = computation.results if computation.state is State.DONE else {}
    results = [there[party] for party in computation.parties if party in there]
    if sum(len(each.ciphertext) for each in results) > PIECE:
        return []
    return [chunk for each in results for chunk in codec.result_to_chunks(each)]


def _contribution(stored: Stored) -> pb.Contribution:
    message = pb.Contribution(id=stored.id, header=codec.signed_to_proto(stored.header), received_ms=stored.received_ms)
    for each in stored.deliveries:
        delivery = message.deliveries.add(party=each.party, state=each.state)
        if each.failure is not None:
            delivery.failure.CopyFrom(status.failure_to_proto(each.failure))
    return message


def _party(entry: Entry) -> pb.Party:
    described = entry.description
    message = pb.Party(
        id=entry.party,
        reachable=entry.reachable,
        seen_ms=entry.seen_ms,
        version=described.version,
        certificate_days=described.certificate_days,
        datasets=described.datasets,
        sharings=described.sharings,
        manifest=described.manifest,
        problem=entry.problem,
    )
    if described.HasField("sealing_key"):
        message.sealing_key.CopyFrom(described.sealing_key)
    return message
