"""PeerService: the other ends of the peer streams that others open, and the way to those this node opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from node.sessions import Sessions
from steelyard.identity.certificates import Identity, Role
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.rpc.authorisation import caller
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.interceptors import Context
from steelyard.rpc.links import METHOD, Links
from steelyard.rpc.server import Service
from steelyard.rpc.tls import Endpoint


def peer_service(links: Links) -> Service:
    """Hands each incoming stream to the links; its messages are what steelyard.rpc.frames makes of frames."""

    async def exchange(requests: AsyncIterator[bytes], context: Context) -> None:
        await links.serve(PartyId(caller().id), requests, context)

    name, _, method = METHOD.strip("/").partition("/")
    handlers: dict[str, Any] = {
        method: grpc.stream_stream_rpc_method_handler(exchange)
    }  # neither serialised nor parsed
    return lambda server: server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))


def links_of(party: PartyId, membership: Membership, home: Path, sessions: Sessions) -> Links:
    """Dials the peers with a higher point; the others dial this node."""
    higher = [peer for peer in membership.parties if membership.points[peer] > membership.points[party]]
    channels = {peer: PinnedChannel(home, endpoint(membership, peer)) for peer in higher}
    return Links(channels, sessions.deliver, sessions.lose)


def endpoint(membership: Membership, party: PartyId) -> Endpoint:
    """Where a party's node listens, and the key the manifest pins for it."""
    pin = membership.pin(Identity(membership.consortium, Role.NODE, party))
    return Endpoint(party, membership.address(party), pin)
