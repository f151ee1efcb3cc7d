"""The outermost interceptor: no exception's text ever crosses the wire, or reaches a log.

gRPC sends the text of an unhandled exception to the peer; here such a text may hold a share.  A `SteelyardError`
becomes its status; everything else becomes INTERNAL with an id, under which the log has the type and the lines, not
the words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import grpc
import grpc.aio

from steelyard.errors import SteelyardError
from steelyard.rpc import status
from steelyard.rpc.defects import reported

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Guard: TypeAlias = Callable[[Context], AbstractAsyncContextManager[None]]
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]


class Sanitise(grpc.aio.ServerInterceptor):
    """Must be the first interceptor of every server."""

    async def intercept_service(self, continuation: Continuation, details: grpc.HandlerCallDetails) -> Handler:
        return around(await continuation(details), partial(_sanitised, details.method))


def around(handler: Handler, guard: Guard) -> Handler:
    """The handler, run inside `guard(context)`, whichever of the four kinds it is and whichever style it is written in.

    A streaming handler is an async generator, or a coroutine that calls `context.write` itself.  The unknown method
    (None) passes: gRPC answers UNIMPLEMENTED.
    """
    if handler is None:
        return None
    make = _MAKERS[handler.request_streaming, handler.response_streaming]
    inner = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    wrapped = _streaming(inner, guard) if handler.response_streaming else _single(inner, guard)
    return make(wrapped, handler.request_deserializer, handler.response_serializer)  # type: ignore[no-any-return]


def _single(inner: Any, guard: Guard) -> Any:
    async def handle(request: Any, context: Context) -> Any:
        async with guard(context):
            return await inner(request, context)

    return handle


def _streaming(inner: Any, guard: Guard) -> Any:
    async def handle(request: Any, context: Context) -> AsyncIterator[Any]:
        async with guard(context):
            answer = inner(request, context)
            if not hasattr(answer, "__aiter__"):
                await answer  # it writes for itself
                return
            async with aclosing(answer):
                async for message in answer:
                    yield message

    return handle


@asynccontextmanager
async def _sanitised(method: str, context: Context) -> AsyncIterator[None]:
    try:
        yield
    except grpc.aio.AbortError:
        raise
    except SteelyardError as error:
        await status.abort(context, error)
    except Exception as error:
        await status.abort(context, reported(error, method=method))


_MAKERS: dict[tuple[bool, bool], Any] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
