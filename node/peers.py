"""PeerService: the other ends of the peer streams that others open, and the way to those this node opens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from node.handover import Handover, endpoint
from node.sessions import Sessions
from steelyard.errors import NotFound
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.rpc.authorisation import caller
from steelyard.rpc.channel import PIECE, PinnedChannel
from steelyard.rpc.interceptors import Context
from steelyard.rpc.links import Links
from steelyard.v1 import peer_pb2, peer_pb2_grpc


class PeerService(peer_pb2_grpc.PeerServiceServicer):
    """Hands each incoming stream to the links, and models to those who trained them."""

    def __init__(self, links: Links, handover: Handover | None = None) -> None:
        self._links = links
        self._handover = handover

    async def Exchange(self, requests: AsyncIterator[peer_pb2.ExchangeRequest], context: Context) -> None:  # type: ignore[override]  # it writes for itself
        await self._links.serve(PartyId(caller().id), requests, context)

    async def GiveModel(
        self, request: peer_pb2.GiveModelRequest, context: Context
    ) -> AsyncIterator[peer_pb2.GiveModelResponse]:
        if self._handover is None:
            raise NotFound("this node keeps no models")
        asker = PartyId(caller().id)
        digest, file = await asyncio.to_thread(self._handover.give, request.name, asker, hash_only=request.hash_only)
        yield peer_pb2.GiveModelResponse(digest=digest)
        for start in range(0, len(file), PIECE):
            yield peer_pb2.GiveModelResponse(content=file[start : start + PIECE])


def links_of(party: PartyId, membership: Membership, home: Path, sessions: Sessions) -> Links:
    """Dials the peers with a higher point; the others dial this node."""
    higher = [peer for peer in membership.parties if membership.points[peer] > membership.points[party]]
    channels = {peer: PinnedChannel(home, endpoint(membership, peer)) for peer in higher}
    return Links(channels, sessions.deliver, sessions.lose)
