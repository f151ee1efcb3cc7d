"""Errors on the wire: a gRPC status for machines that know only gRPC, and a `Failure` in the metadata for ours.

What a peer sends here ends up on somebody's terminal, so texts are cut and stripped of control characters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NoReturn

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from steelyard.errors import (
    Failed,
    Overloaded,
    SteelyardError,
    TimedOut,
    Unauthenticated,
    Unreachable,
    by_reason,
)
from steelyard.v1 import types_pb2

KEY: Final = "steelyard-failure-bin"
MAX_TEXT: Final = 1000
MAX_NAMES: Final = 31

_CUT_OFF: Final = grpc.StatusCode.CANCELLED  # we cancel by tasks, so one that arrives as a status was not asked for


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: SteelyardError) -> NoReturn:
    """Ends the call with the error's status code, its message as details and the whole failure behind it."""
    failure = failure_to_proto(error).SerializeToString()
    await context.abort(grpc.StatusCode[error.status], error.message, ((KEY, failure),))


def failure_to_proto(error: SteelyardError) -> types_pb2.Failure:
    return types_pb2.Failure(
        reason=error.reason,
        message=_clean(error.message),
        party=error.party,
        culprits=error.culprits,
        suspects=error.suspects,
    )


def failure_from_proto(failure: types_pb2.Failure, party: str = "") -> SteelyardError:
    """The error that somebody sent; `party` overrides who they say they are; an unknown reason gives the root class."""
    return by_reason(failure.reason)(
        _clean(failure.message),
        party=party or _clean(failure.party),
        culprits=_names(failure.culprits),
        suspects=_names(failure.suspects),
    )


def from_rpc_error(error: grpc.RpcError, who: str) -> SteelyardError:
    """What a failed call to `who` means; works for `grpc.aio` and for blocking stubs."""
    failure = _attached(error)
    if failure is not None:
        return failure_from_proto(failure, failure.party or who)
    code, details = _code(error), _clean(getattr(error, "details", lambda: "")() or "")
    if code == grpc.StatusCode.UNAVAILABLE:
        return Unreachable(f"{who} does not answer, or it rejects our certificate: both look the same", party=who)
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimedOut(f"{who} did not answer in time", party=who)
    if code == _CUT_OFF:
        return Unreachable(f"the call to {who} was cut off", party=who)
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return Unauthenticated(f"{who} does not let us call this: {details}", party=who)
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Overloaded(f"{who} has no room for this call: {details}", party=who)
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return Failed(f"{who} runs a version that does not know this call", party=who)
    return Failed(f"the call to {who} failed: {code.name}", party=who)


def _attached(error: grpc.RpcError) -> types_pb2.Failure | None:
    """Our own metadata; whatever does not decode is treated as absent."""
    metadata = getattr(error, "trailing_metadata", lambda: None)() or ()
    value = next((value for key, value in metadata if key == KEY), None)
    try:
        return types_pb2.Failure.FromString(value) if isinstance(value, bytes) else None
    except DecodeError:
        return None


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    code = getattr(error, "code", lambda: None)()
    return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(_clean(each)[:40] for each in names)[:MAX_NAMES]


def _clean(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text[:MAX_TEXT])
