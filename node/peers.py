"""The peers' service: streams that others open, and models for who lost them; and the way to the peers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from node.handover import Handover, endpoint
from node.sessions import Sessions
from steelyard.errors import NotFound
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.rpc.authorisation import caller
from steelyard.rpc.channel import PIECE, PinnedChannel
from steelyard.rpc.interceptors import Context
from steelyard.rpc.links import METHOD, Links
from steelyard.rpc.server import Service
from steelyard.v1 import peer_pb2


def peer_service(links: Links, handover: Handover | None = None) -> Service:
    """Hands each incoming stream to the links, and models to those who trained them."""

    async def exchange(requests: AsyncIterator[bytes], context: Context) -> None:
        await links.serve(PartyId(caller().id), requests, context)

    async def give_model(
        request: peer_pb2.GiveModelRequest, context: Context
    ) -> AsyncIterator[peer_pb2.GiveModelResponse]:
        if handover is None:
            raise NotFound("this node keeps no models")
        asker = PartyId(caller().id)
        digest, file = await asyncio.to_thread(handover.give, request.name, asker, hash_only=request.hash_only)
        yield peer_pb2.GiveModelResponse(digest=digest)
        for start in range(0, len(file), PIECE):
            yield peer_pb2.GiveModelResponse(content=file[start : start + PIECE])

    name, _, streams = METHOD.strip("/").partition("/")
    handlers: dict[str, Any] = {
        streams: grpc.stream_stream_rpc_method_handler(exchange),  # as bytes: steelyard.rpc.frames reads them
        "GiveModel": grpc.unary_stream_rpc_method_handler(
            give_model, peer_pb2.GiveModelRequest.FromString, peer_pb2.GiveModelResponse.SerializeToString
        ),
    }
    return lambda server: server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))


def links_of(party: PartyId, membership: Membership, home: Path, sessions: Sessions) -> Links:
    """Dials the peers with a higher point; the others dial this node."""
    higher = [peer for peer in membership.parties if membership.points[peer] > membership.points[party]]
    channels = {peer: PinnedChannel(home, endpoint(membership, peer)) for peer in higher}
    return Links(channels, sessions.deliver, sessions.lose)
