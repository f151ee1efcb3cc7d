"""Channels to pinned servers: the options in one place, a blocking way in, and one for a long life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from steelyard.errors import TimedOut, Unreachable
from steelyard.rpc import status, tls
from steelyard.rpc.tls import Endpoint

MAX_MESSAGE: Final = 16 << 20  # bytes; what is larger travels in pieces
PIECE: Final = 1 << 20  # bytes of payload in one message of a stream
KEEPALIVE_MS: Final = 30_000

LIMITS: Final[list[tuple[str, Any]]] = [
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]
_OPTIONS: Final = [
    *LIMITS,
    ("grpc.initial_reconnect_backoff_ms", 100),  # the defaults would keep a restarted server waiting for two minutes
    ("grpc.min_reconnect_backoff_ms", 2_000),  # how long one attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel starts without the old one's backoff
    ("grpc.enable_retries", 0),  # what may be repeated is decided where the call is made
]
_DIALLERS: Final = ThreadPoolExecutor(max_workers=32, thread_name_prefix="dial")  # they wait, they do not work
_USABLE: Final = (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.IDLE)


def open_blocking(home: Path, endpoint: Endpoint, timeout: float = 10.0) -> grpc.Channel:
    """A channel for blocking stubs to the server described; its certificate is checked at once.

    Raises Unreachable or Unauthenticated as `tls.inspect` does.  A channel outlives no renewal of the server's
    certificate: after an Unreachable open a new one.
    """
    certificate = tls.inspect(home, endpoint, timeout)
    return grpc.secure_channel(endpoint.address, tls.channel_credentials(home, certificate), _options(endpoint))


class PinnedChannel:
    """A lasting way to one pinned server, for one event loop.

    The server is inspected before the first call and again after `suspect()`; a channel that has lost its connection is
    then replaced, which is also how a renewed certificate, theirs or ours, comes into use.
    """

    def __init__(self, home: Path, endpoint: Endpoint, timeout: float = 3.0) -> None:
        self.endpoint: Final = endpoint
        self._home = home
        self._timeout = timeout
        self._channel: grpc.aio.Channel | None = None
        self._suspected = False
        self._dialling: asyncio.Task[grpc.aio.Channel] | None = None

    async def get(self) -> grpc.aio.Channel:
        """The channel; raises Unreachable or Unauthenticated as `tls.inspect` does."""
        if self._channel is not None and not self._broken():
            return self._channel
        if self._dialling is None or self._dialling.done():
            self._dialling = asyncio.create_task(self._dial())
        return await asyncio.shield(self._dialling)  # one dial for all who wait

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[grpc.aio.Channel]:
        """The channel for one call; when the call fails, raises what that means and looks again before the next."""
        try:
            yield await self.get()
        except grpc.RpcError as error:
            meant = status.from_rpc_error(error, self.endpoint.who)
            if isinstance(meant, Unreachable | TimedOut):
                self.suspect()
            raise meant from None

    def suspect(self) -> None:
        """To be told of every Unreachable: the next call looks again before it trusts the channel."""
        self._suspected = True

    async def close(self) -> None:
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.gather(self._dialling, return_exceptions=True)
        await self._drop()

    def _broken(self) -> bool:
        if self._suspected and self._channel is not None and self._channel.get_state() in _USABLE:
            self._suspected = False  # it has recovered
        return self._suspected

    async def _dial(self) -> grpc.aio.Channel:
        loop = asyncio.get_running_loop()
        certificate = await loop.run_in_executor(_DIALLERS, tls.inspect, self._home, self.endpoint, self._timeout)
        credentials = tls.channel_credentials(self._home, certificate)
        await self._drop()
        self._suspected = False
        self._channel = grpc.aio.secure_channel(self.endpoint.address, credentials, _options(self.endpoint))
        return self._channel

    async def _drop(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()


def _options(endpoint: Endpoint) -> list[tuple[str, Any]]:
    # The pin already says who the server is; `name` only tells TLS what to call it when we dial our own machine.
    return [*_OPTIONS, ("grpc.ssl_target_name_override", endpoint.name)] if endpoint.name else _OPTIONS
