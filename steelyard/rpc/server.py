"""A server of ours: mutual TLS, sanitised errors, a table of who may call what, health, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from steelyard.errors import Conflict
from steelyard.identity import addresses
from steelyard.rpc import tls
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.channel import LIMITS
from steelyard.rpc.interceptors import Sanitise

Service: TypeAlias = Callable[[grpc.aio.Server], None]  # such as partial(add_NodeServiceServicer_to_server, servicer)

MAX_CALLS: Final = 4096
DRAIN_SECONDS: Final = 0.2  # for probes to see NOT_SERVING

_OPTIONS: Final[list[tuple[str, Any]]] = [
    *LIMITS,
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),  # below the clients' 30 s, or they are hung up on
    ("grpc.max_connection_age_ms", 3_600_000),  # a connection outlives its certificate by an hour,
    ("grpc.max_connection_age_grace_ms", 3_600_000),  # a stream by two
    ("grpc.server.max_pending_requests", 100_000),  # by default the 1,000th waiting call is reset without a reason
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    ("grpc.so_reuseport", 0),  # otherwise two programs share one port and nobody notices
]


class Server:
    """One listening port.  `services` are added before the start; health says SERVING from then until `stop`."""

    def __init__(self, listen: str, home: Path, authorise: Authorise, services: Sequence[Service]) -> None:
        self._listen = listen
        self._health = HealthServicer()
        self._server = grpc.aio.server(
            interceptors=[Sanitise(), authorise], options=_OPTIONS, maximum_concurrent_rpcs=MAX_CALLS
        )
        for add in (*services, self._add_health):
            add(self._server)
        self._credentials = tls.server_credentials(home)
        self.port = 0

    async def start(self) -> None:
        """Listens; raises Conflict when the address is taken or not this machine's, Invalid when it is no address."""
        if not self._listen.endswith(":0"):  # any free port: for tests
            addresses.split(self._listen)
        try:
            self.port = self._server.add_secure_port(self._listen, self._credentials)
        except RuntimeError:
            text = f"cannot listen on {self._listen}: the port is in use, or the address is not this machine's"
            raise Conflict(text) from None
        await self._server.start()

    async def serving(self, able: bool) -> None:
        """Changes what health says."""
        status = health_pb2.HealthCheckResponse
        await self._health.set("", status.SERVING if able else status.NOT_SERVING)

    async def stop(self, grace: float = 5.0) -> None:
        """Says NOT_SERVING, refuses new calls, and gives those under way `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(min(DRAIN_SECONDS, grace))
        await self._server.stop(grace)

    def _add_health(self, server: grpc.aio.Server) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)


async def until_told_to_stop() -> None:
    """Returns at SIGTERM or SIGINT; `asyncio.run` would turn the latter into an exception in the midst of work."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
    structlog.get_logger(__name__).info("stopping")


def is_serving(response: health_pb2.HealthCheckResponse) -> bool:
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)
