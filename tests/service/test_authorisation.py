"""Deny by default: the caller is its certificate, and every RPC of ours has a row in a table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import coordinator.authorisation
import node.authorisation
from steelyard.errors import SteelyardError
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Home, Layout
from steelyard.identity.membership import Membership
from steelyard.rpc.authorisation import Authorise, caller
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.server import Server
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import coordinator_pb2, node_pb2, peer_pb2
from tests.service.fakes import make_consortium

ANY = "/test.Test/"
RULES = {
    ANY + "unary": frozenset({Role.COORDINATOR, Role.OWNER}),
    ANY + "stream": frozenset({Role.COORDINATOR}),
    ANY + "both": frozenset({Role.COORDINATOR}),
}


async def unary(request: bytes, context: Any) -> bytes:
    await asyncio.sleep(0.01)  # others call meanwhile
    return caller().uri.encode()


async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
    yield caller().uri.encode()
    await asyncio.sleep(0.01)
    yield caller().uri.encode()


async def both(requests: AsyncIterator[bytes], context: Any) -> None:
    while await context.read() is not grpc.aio.EOF:
        await context.write(caller().uri.encode())


def add(server: grpc.aio.Server) -> None:
    handlers = {
        "unary": grpc.unary_unary_rpc_method_handler(unary),
        "stream": grpc.unary_stream_rpc_method_handler(stream),
        "both": grpc.stream_stream_rpc_method_handler(both),
        "unlisted": grpc.unary_unary_rpc_method_handler(unary),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))


class Setting:
    def __init__(self, root: Path, membership: Membership) -> None:
        self.layout, self.membership = Layout(root), membership
        self.endpoint = Endpoint("bank-a", membership.address("bank-a"), membership.manifest.nodes[0].tls)

    @asynccontextmanager
    async def calling(self, role: Role, name: str = "") -> AsyncIterator[grpc.aio.Channel]:
        channel = PinnedChannel(self.layout.home(role, name).path, self.endpoint)
        try:
            async with channel.calling() as opened:
                yield opened
        finally:
            await channel.close()


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[Setting]:
    membership = make_consortium(root)
    home = Layout(root).home(Role.NODE, "bank-a")
    server = Server(membership.address("bank-a"), home.path, Authorise(membership, RULES, "bank-a"), [add])
    await server.start()
    try:
        yield Setting(root, membership)
    finally:
        await server.stop(0)


async def test_the_caller_is_known_in_every_kind_of_handler(tmp_path: Path) -> None:
    who = b"spiffe://local/coordinator/coordinator"
    async with serving(tmp_path) as s, s.calling(Role.COORDINATOR) as channel:
        assert await channel.unary_unary(ANY + "unary")(b"") == who
        assert [each async for each in channel.unary_stream(ANY + "stream")(b"")] == [who, who]
        assert [each async for each in channel.stream_stream(ANY + "both")(iter([b"1", b"2"]))] == [who, who]


async def test_concurrent_callers_are_not_mixed_up(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as s,
        s.calling(Role.COORDINATOR) as first,
        s.calling(Role.OWNER, "bank-a") as second,
    ):
        calls = [channel.unary_unary(ANY + "unary")(b"") for channel in (first, second) * 10]
        answers = [await each for each in calls]
    assert answers == [b"spiffe://local/coordinator/coordinator", b"spiffe://local/owner/bank-a"] * 10


async def called(s: Setting, role: Role, name: str, method: str) -> None:
    async with s.calling(role, name) as channel:
        if method == "stream":
            await anext(aiter(channel.unary_stream(ANY + method)(b"")))
        else:
            await channel.unary_unary(ANY + method)(b"")


@pytest.mark.parametrize(
    ("role", "name", "method"),
    [
        (Role.NODE, "bank-b", "unary"),
        (Role.REQUESTER, "analyst", "unary"),
        (Role.OWNER, "bank-b", "unary"),  # an owner, but of another node
        (Role.OWNER, "bank-a", "stream"),
        (Role.COORDINATOR, "", "unlisted"),  # nobody may call what has no row
    ],
)
async def test_others_are_refused(tmp_path: Path, role: Role, name: str, method: str) -> None:
    async with serving(tmp_path) as s:
        with pytest.raises(SteelyardError) as caught:
            await called(s, role, name, method)
        assert caught.value.reason == "UNAUTHENTICATED"


@pytest.mark.parametrize(("role", "name"), [(Role.NODE, "bank-b"), (Role.OWNER, "bank-c"), (Role.REQUESTER, "analyst")])
async def test_whoever_the_manifest_knows_may_ask_for_health(tmp_path: Path, role: Role, name: str) -> None:
    async with serving(tmp_path) as s, s.calling(role, name) as channel:
        response = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert response.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_key_that_the_manifest_does_not_pin_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path / "one") as s:
        other = make_consortium(tmp_path / "two")
        assert other.manifest.coordinator.tls != s.membership.manifest.coordinator.tls
        authorise = Authorise(other, RULES, "bank-a")
        with pytest.raises(SteelyardError):
            authorise._identify(_pem(s.layout.home(Role.COORDINATOR)))
        assert Authorise(s.membership, RULES, "bank-a")._identify(_pem(s.layout.home(Role.COORDINATOR)))


def test_every_method_of_ours_has_a_row_and_every_row_a_method() -> None:
    tables = {**coordinator.authorisation.RULES, **getattr(node.authorisation, "RULES", {}), **_node_roles()}
    assert set(tables) == set(_methods())
    assert all(roles for roles in tables.values())


def test_nobody_outside_a_node_reaches_the_peer_stream() -> None:
    tables = {**getattr(node.authorisation, "RULES", {}), **_node_roles()}
    assert tables["/steelyard.v1.PeerService/Exchange"] == {Role.NODE}


def _node_roles() -> dict[str, Any]:
    return dict(getattr(node.authorisation, "ROLES", {}))


def _methods() -> Iterator[str]:
    for file in (coordinator_pb2, node_pb2, peer_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from (f"/{service.full_name}/{method.name}" for method in service.methods)


def _pem(home: Home) -> bytes:
    return (home.path / "tls.pem").read_bytes()
