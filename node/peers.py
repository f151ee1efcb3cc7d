"""PeerService: the other ends of the peer streams that others open, and the way to those this node opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from node.sessions import Sessions
from steelyard.identity.certificates import Identity, Role
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.rpc.authorisation import caller
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.interceptors import Context
from steelyard.rpc.links import Links
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import peer_pb2, peer_pb2_grpc


class PeerService(peer_pb2_grpc.PeerServiceServicer):
    """Hands each incoming stream to the links."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def Exchange(self, requests: AsyncIterator[peer_pb2.ExchangeRequest], context: Context) -> None:  # type: ignore[override]  # it writes for itself
        await self._links.serve(PartyId(caller().id), requests, context)


def links_of(party: PartyId, membership: Membership, home: Path, sessions: Sessions) -> Links:
    """Dials the peers with a higher point; the others dial this node."""
    higher = [peer for peer in membership.parties if membership.points[peer] > membership.points[party]]
    channels = {peer: PinnedChannel(home, endpoint(membership, peer)) for peer in higher}
    return Links(channels, sessions.deliver, sessions.lose)


def endpoint(membership: Membership, party: PartyId) -> Endpoint:
    """Where a party's node listens, and the key the manifest pins for it."""
    pin = membership.pin(Identity(membership.consortium, Role.NODE, party))
    return Endpoint(party, membership.address(party), pin)
