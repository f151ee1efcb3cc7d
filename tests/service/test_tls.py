"""What mutual TLS and pins keep out, and what a renewal changes."""

from __future__ import annotations

import asyncio
import gc
import shutil
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from clients.local.ports import free_ports
from steelyard.errors import Conflict, Invalid, SteelyardError, Unauthenticated, Unreachable
from steelyard.identity.authority import Authority
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Home, Layout
from steelyard.identity.local import renew_here
from steelyard.identity.membership import Membership
from steelyard.rpc import probe, tls
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.channel import PinnedChannel, open_blocking
from steelyard.rpc.server import Server
from steelyard.rpc.tls import Endpoint
from tests.service.fakes import make_consortium

ECHO = "/test.Test/echo"
UNSPOKEN = 255  # a number of no address family


async def echo(request: bytes, context: Any) -> bytes:
    return request


def add(server: grpc.aio.Server) -> None:
    handlers = {"echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))


class Setting:
    """bank-a serves; the coordinator calls."""

    def __init__(self, root: Path) -> None:
        self.membership: Membership = make_consortium(root)
        self.layout = Layout(root)
        self.server_home = self.layout.home(Role.NODE, "bank-a")
        self.client_home = self.layout.home(Role.COORDINATOR)
        self.address = self.membership.address("bank-a")
        self.endpoint = Endpoint("bank-a", self.address, self.membership.manifest.nodes[0].tls)
        self.authority = Authority.load(self.layout.ca)

    def server(self, home: Home | None = None, address: str = "") -> Server:
        rules = {ECHO: frozenset({Role.COORDINATOR})}
        authorise = Authorise(self.membership, rules, "bank-a")
        return Server(address or self.address, (home or self.server_home).path, authorise, [add])

    @asynccontextmanager
    async def serving(self, home: Home | None = None) -> AsyncIterator[Server]:
        server = self.server(home)
        await server.start()
        try:
            yield server
        finally:
            await server.stop(0)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


async def call(channel: PinnedChannel) -> bytes:
    async with channel.calling() as opened:
        answer: bytes = await opened.unary_unary(ECHO)(b"hello", timeout=30)
        return answer


async def test_a_pinned_server_answers(setting: Setting) -> None:
    channel = PinnedChannel(setting.client_home.path, setting.endpoint)
    async with setting.serving():
        assert await call(channel) == b"hello"
    await channel.close()


async def test_another_certificate_of_the_same_authority_for_the_same_host_is_refused(setting: Setting) -> None:
    async with setting.serving(setting.layout.home(Role.NODE, "bank-b")):
        with pytest.raises(Unauthenticated, match="another key than the manifest pins"):
            await asyncio.to_thread(tls.inspect, setting.client_home.path, setting.endpoint)


async def test_the_pin_binds_the_channel_and_not_only_the_inspection(setting: Setting) -> None:
    """The server is exchanged for an impostor with a valid certificate between the look and the call."""
    async with setting.serving():
        certificate = await asyncio.to_thread(tls.inspect, setting.client_home.path, setting.endpoint)
    credentials = tls.channel_credentials(setting.client_home.path, certificate)
    async with setting.serving(setting.layout.home(Role.NODE, "bank-b")):
        async with grpc.aio.secure_channel(setting.address, credentials) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(ECHO)(b"hello", timeout=30)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    async with setting.serving(), grpc.aio.secure_channel(setting.address, credentials) as channel:
        assert await channel.unary_unary(ECHO)(b"hello", timeout=30) == b"hello"


async def test_a_server_of_another_authority_is_refused(setting: Setting, tmp_path: Path) -> None:
    other = Layout(tmp_path / "other")
    make_consortium(other.root)
    async with setting.serving(other.home(Role.NODE, "bank-a")):
        with pytest.raises(Unauthenticated, match="does not hold"):
            await asyncio.to_thread(tls.inspect, setting.client_home.path, setting.endpoint)


async def test_a_certificate_for_another_host_is_refused(setting: Setting) -> None:
    endpoint = Endpoint("bank-a", setting.address, setting.endpoint.pin, name="bank-z.example")
    async with setting.serving():
        with pytest.raises(Unauthenticated, match="does not hold"):
            await asyncio.to_thread(tls.inspect, setting.client_home.path, endpoint)


async def test_a_stranger_learns_that_its_certificate_is_rejected(setting: Setting, tmp_path: Path) -> None:
    other = Layout(tmp_path / "other")
    make_consortium(other.root)
    stranger = other.home(Role.COORDINATOR).path
    shutil.copy(setting.client_home.path / "ca.pem", stranger / "ca.pem")
    async with setting.serving():
        with pytest.raises(Unauthenticated, match="rejects our certificate"):
            await asyncio.to_thread(tls.inspect, stranger, setting.endpoint)


async def test_an_expired_client_is_rejected(setting: Setting) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    renew_here(setting.client_home, setting.authority, days=7, now=long_ago)
    async with setting.serving():
        with pytest.raises(Unauthenticated, match="rejects our certificate"):
            await asyncio.to_thread(tls.inspect, setting.client_home.path, setting.endpoint)


def test_a_dead_server_is_unreachable_and_not_unauthenticated(setting: Setting) -> None:
    with pytest.raises(Unreachable, match="bank-a"):
        tls.inspect(setting.client_home.path, setting.endpoint)


def test_a_silent_server_is_unreachable_in_time(setting: Setting) -> None:
    host, port = setting.address.split(":")
    with socket.create_server((host, int(port))), pytest.raises(Unreachable):
        tls.inspect(setting.client_home.path, setting.endpoint, timeout=0.3)


def test_a_server_that_hangs_up_leaves_no_open_socket_behind(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    host, port = setting.address.split(":")
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", _slowly(ssl.SSLContext.wrap_socket))
    with socket.create_server((host, int(port))) as listening:
        hanging_up = threading.Thread(target=_hang_up, args=(listening,))
        hanging_up.start()
        for _ in range(5):
            with pytest.raises((Unreachable, Unauthenticated)):
                tls.inspect(setting.client_home.path, setting.endpoint)
        listening.shutdown(socket.SHUT_RDWR)
        hanging_up.join(5)
    gc.collect()  # pytest makes an error of a socket that was not closed


def _slowly(wrap: Callable[..., ssl.SSLSocket]) -> Callable[..., ssl.SSLSocket]:
    """A socket that was connected before it is wrapped has been reset until then."""

    def wrap_slowly(*args: Any, **options: Any) -> ssl.SSLSocket:
        time.sleep(0.05)
        return wrap(*args, **options)

    return wrap_slowly


def test_an_address_of_a_family_that_this_machine_does_not_speak_is_passed_over(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = setting.address.split(":")
    there = (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, int(port)))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(UNSPOKEN, *there[1:]), there])
    with socket.create_server((host, int(port))), pytest.raises(Unreachable) as caught:
        tls.inspect(setting.client_home.path, setting.endpoint, timeout=0.3)
    assert isinstance(caught.value.__context__, TimeoutError)  # it was connected, and kept silent


@pytest.mark.parametrize("name", ["ca.pem", "tls.pem", "tls.key"])
@pytest.mark.parametrize("content", [b"", b"no certificate"])
def test_files_of_our_own_that_do_not_serve_are_no_fault_of_the_server(
    setting: Setting, name: str, content: bytes
) -> None:
    (setting.client_home.path / name).write_bytes(content)
    with pytest.raises(Invalid, match="pki check"):
        tls.inspect(setting.client_home.path, setting.endpoint)


def _hang_up(listening: socket.socket) -> None:
    """Resets every connection at once."""
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


async def test_a_renewed_certificate_is_served_without_a_restart(setting: Setting) -> None:
    async with setting.serving():
        before = await asyncio.to_thread(tls.inspect, setting.client_home.path, setting.endpoint)
        renew_here(setting.server_home, setting.authority, days=3)
        after = await asyncio.to_thread(tls.inspect, setting.client_home.path, setting.endpoint)
    assert before != after


async def test_a_broken_renewal_keeps_the_certificate_in_use(setting: Setting) -> None:
    async with setting.serving():
        before = await asyncio.to_thread(tls.inspect, setting.client_home.path, setting.endpoint)
        (setting.server_home.path / "tls.pem").unlink()
        after = await asyncio.to_thread(tls.inspect, setting.client_home.path, setting.endpoint)
    assert before == after


async def test_a_lasting_channel_survives_a_restart_under_a_renewed_certificate(setting: Setting) -> None:
    channel = PinnedChannel(setting.client_home.path, setting.endpoint)
    async with setting.serving():
        assert await call(channel) == b"hello"
    with pytest.raises(Unreachable):
        await call(channel)
    renew_here(setting.server_home, setting.authority, days=3)
    renew_here(setting.client_home, setting.authority, days=3)
    async with setting.serving():
        assert await call(channel) == b"hello"
    await channel.close()


async def test_many_waiting_calls_share_one_dial(setting: Setting) -> None:
    channel = PinnedChannel(setting.client_home.path, setting.endpoint)
    async with setting.serving():
        opened = await asyncio.gather(*(channel.get() for _ in range(20)))
    assert len(set(map(id, opened))) == 1
    await channel.close()


async def test_a_blocking_channel_is_pinned_too(setting: Setting) -> None:
    def blocking() -> bytes:
        with open_blocking(setting.client_home.path, setting.endpoint) as channel:
            answer: bytes = channel.unary_unary(ECHO)(b"hello", timeout=30)
            return answer

    async with setting.serving():
        assert await asyncio.to_thread(blocking) == b"hello"


async def test_a_port_in_use_is_a_clear_error(setting: Setting) -> None:
    async with setting.serving():
        second = setting.server()
        with pytest.raises(Conflict, match="in use"):
            await second.start()
        await second.stop(0)


def test_a_key_file_that_others_can_read_is_refused(setting: Setting) -> None:
    (setting.server_home.path / "tls.key").chmod(0o644)
    with pytest.raises(Invalid, match="private key"):
        tls.server_credentials(setting.server_home.path)


def test_days_left_counts_down(setting: Setting) -> None:
    home = setting.server_home.path
    now = datetime.now(UTC)
    assert tls.days_left(home, now) == 6
    assert tls.days_left(home, now + timedelta(days=30)) < 0


def config(setting: Setting, root: Path, listen: str) -> Path:
    path = root / "program.toml"
    path.write_text(f'listen = "{listen}"\nidentity = "{setting.server_home.path}"\nother = 1\n')
    return path


@pytest.mark.parametrize("everywhere", [False, True])
async def test_the_probe_passes_while_the_program_serves(setting: Setting, tmp_path: Path, everywhere: bool) -> None:
    port = setting.address.rpartition(":")[2]
    path = config(setting, tmp_path, f"0.0.0.0:{port}" if everywhere else setting.address)
    async with setting.serving():
        assert await asyncio.to_thread(probe.main, ["--config", str(path)]) == 0


def test_the_probe_fails_for_a_program_that_does_not_run(
    setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports(1)
    path = config(setting, tmp_path, f"127.0.0.1:{port}")
    assert probe.main(["--config", str(path)]) == Unreachable.exit_code
    assert "does not answer" in capsys.readouterr().err


async def test_the_probe_fails_for_a_program_that_is_stopping(setting: Setting, tmp_path: Path) -> None:
    path = config(setting, tmp_path, setting.address)
    async with setting.serving() as server:
        await server._health.enter_graceful_shutdown()
        with pytest.raises(SteelyardError, match="not serving"):
            await asyncio.to_thread(probe.probe, path)


def test_the_probe_refuses_a_file_that_configures_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("listen = 1")
    assert probe.main(["--config", str(tmp_path / "x.toml")]) == Invalid.exit_code
