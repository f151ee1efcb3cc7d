"""One pinned server and a blocking stub to it, dialled anew after the server was away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final, Generic, TypeVar

import grpc

from steelyard.errors import SteelyardError, Unreachable
from steelyard.identity.homes import Home
from steelyard.rpc.channel import open_blocking
from steelyard.rpc.status import from_rpc_error
from steelyard.rpc.tls import Endpoint

S = TypeVar("S")
T = TypeVar("T")


class Connection(Generic[S]):
    """Dials at the first call.  Usable from any thread."""

    def __init__(self, home: Home, endpoint: Endpoint, stub: Callable[[grpc.Channel], S]) -> None:
        self.endpoint: Final = endpoint
        self._home = home
        self._make_stub = stub
        self._open: tuple[grpc.Channel, S] | None = None
        self._dialling = Lock()

    def call(self, use: Callable[[S], T]) -> T:
        """`use(stub)`, with its errors as ours.

        A call that breaks off on a connection from before is made once more on a fresh one: `use` must be repeatable.
        """
        fresh = self._open is None
        try:
            return self._once(use)
        except Unreachable:
            if fresh:
                raise
        return self._once(use)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turns gRPC's errors into ours, and drops the channel when the server is away."""
        try:
            yield
        except grpc.RpcError as error:
            translated: SteelyardError = from_rpc_error(error, self.endpoint.who)
            if isinstance(translated, Unreachable):
                self.close()
            raise translated from None

    def stub(self) -> S:
        """Raises Unreachable or Unauthenticated when the server cannot be dialled."""
        with self._dialling:
            if self._open is None:
                channel = open_blocking(self._home.path, self.endpoint)
                self._open = channel, self._make_stub(channel)
            return self._open[1]

    def close(self) -> None:
        with self._dialling:
            found, self._open = self._open, None
        if found is not None:
            found[0].close()

    def _once(self, use: Callable[[S], T]) -> T:
        with self.translated():
            return use(self.stub())
