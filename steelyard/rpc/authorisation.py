"""Who may call what: a table per server, deny by default.  Who calls is what certificate and manifest say.

Nothing in a request or its metadata says who calls.  Every call is checked against the manifest's pins, so a key that
is no longer pinned is refused at its next call, not at its next connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Final, Protocol, TypeAlias

import grpc
import grpc.aio

from steelyard.errors import Unauthenticated
from steelyard.identity.certificates import Identity, Role
from steelyard.rpc.interceptors import Context, Continuation, Handler, around

Rules: TypeAlias = Mapping[str, frozenset[Role]]

HEALTH: Final = "/grpc.health.v1.Health/Check"  # for whoever the manifest knows
_EVERYBODY: Final = frozenset(Role)
_caller: ContextVar[Identity] = ContextVar("caller")


class Identifies(Protocol):
    """`Membership`, seen from here."""

    def identify(self, certificate: bytes) -> Identity: ...


def caller() -> Identity:
    """Who made the call that the current handler answers."""
    return _caller.get()


class Authorise(grpc.aio.ServerInterceptor):
    """Lets a call pass when `rules` has a row for its method with the caller's role.

    The role OWNER means the owner of this very server, `me`: owners of other parties have no business here.
    """

    def __init__(self, membership: Identifies, rules: Rules, me: str) -> None:
        self._identify = lru_cache(maxsize=256)(membership.identify)  # parsing a certificate takes longer than a call
        self._rules = {**rules, HEALTH: _EVERYBODY}
        self._me = me

    async def intercept_service(self, continuation: Continuation, details: grpc.HandlerCallDetails) -> Handler:
        return around(await continuation(details), partial(self._checked, details.method))

    @asynccontextmanager
    async def _checked(self, method: str, context: Context) -> AsyncIterator[None]:
        identity = self._identify(_certificate(context))
        if identity.role not in self._rules.get(method, frozenset()) or not self._at_home(identity, method):
            raise Unauthenticated(f"the {identity.role} {identity.id} may not call {method.rpartition('/')[2]} here")
        _caller.set(identity)  # never reset: every call has a context of its own
        yield

    def _at_home(self, identity: Identity, method: str) -> bool:
        return identity.role is not Role.OWNER or identity.id == self._me or method == HEALTH


def _certificate(context: Context) -> bytes:
    found = list(context.auth_context().get("x509_pem_cert", ()))
    if len(found) != 1:
        raise Unauthenticated("a call needs a client certificate")
    return found[0]
