"""No text of an exception reaches the peer or the log, whatever kind of handler raises it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog

from steelyard.errors import PolicyRefused, SteelyardError
from steelyard.rpc import status
from steelyard.rpc.interceptors import Sanitise

SECRET = "share=123456"


async def unary(request: bytes, context: Any) -> bytes:
    return act(request)


async def generator(request: bytes, context: Any) -> AsyncIterator[bytes]:
    yield b"first"
    yield act(request)


async def writer(request: bytes, context: Any) -> None:
    await context.write(b"first")
    await context.write(act(request))


async def collector(requests: AsyncIterator[bytes], context: Any) -> bytes:
    return act(b"".join([each async for each in requests]))


async def reader(requests: AsyncIterator[bytes], context: Any) -> bytes:
    return act(await context.read())


async def both(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for request in requests:
        yield act(request)


async def both_by_hand(requests: AsyncIterator[bytes], context: Any) -> None:
    while (request := await context.read()) is not grpc.aio.EOF:
        await context.write(act(request))


async def aborter(request: bytes, context: Any) -> bytes:
    await context.abort(grpc.StatusCode.OUT_OF_RANGE, "said so")


def act(request: bytes) -> bytes:
    if request == b"defect":
        raise ValueError(SECRET)
    if request == b"refuse":
        raise PolicyRefused("not for you", party="bank-a")
    return request


HANDLERS = {
    "unary": grpc.unary_unary_rpc_method_handler(unary),
    "generator": grpc.unary_stream_rpc_method_handler(generator),
    "writer": grpc.unary_stream_rpc_method_handler(writer),
    "collector": grpc.stream_unary_rpc_method_handler(collector),
    "reader": grpc.stream_unary_rpc_method_handler(reader),
    "both": grpc.stream_stream_rpc_method_handler(both),
    "both_by_hand": grpc.stream_stream_rpc_method_handler(both_by_hand),
    "aborter": grpc.unary_unary_rpc_method_handler(aborter),
}
KINDS = [name for name in HANDLERS if name != "aborter"]


@asynccontextmanager
async def served() -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server(interceptors=[Sanitise()])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", HANDLERS),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


async def call(channel: grpc.aio.Channel, kind: str, request: bytes) -> list[bytes]:
    method, handler = f"/test.Test/{kind}", HANDLERS.get(kind, HANDLERS["unary"])
    if handler.request_streaming:
        make = channel.stream_stream if handler.response_streaming else channel.stream_unary
        started = make(method)(iter([request]), timeout=30)
    else:
        make = channel.unary_stream if handler.response_streaming else channel.unary_unary
        started = make(method)(request, timeout=30)
    return [each async for each in started] if handler.response_streaming else [await started]


async def error_of(channel: grpc.aio.Channel, kind: str, request: bytes) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, kind, request)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
async def test_a_defect_s_text_reaches_neither_the_peer_nor_the_log(kind: str) -> None:
    async with served() as channel:
        with structlog.testing.capture_logs() as logs:
            error = await error_of(channel, kind, b"defect")
    assert error.code() == grpc.StatusCode.INTERNAL
    assert SECRET not in repr(error) + str(error.trailing_metadata()) + repr(logs)
    (line,) = logs
    assert line["type"] == "ValueError"
    assert line["id"] in str(error.details())
    assert any("test_interceptors.py" in frame for frame in line["where"])


@pytest.mark.parametrize("kind", KINDS)
async def test_our_own_errors_arrive_whole(kind: str) -> None:
    async with served() as channel:
        error = await error_of(channel, kind, b"refuse")
    meant = status.from_rpc_error(error, "somebody")
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    assert type(meant) is PolicyRefused
    assert (meant.message, meant.party) == ("not for you", "bank-a")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_works_is_left_alone(kind: str) -> None:
    expected = [b"first", b"hello"] if kind in ("generator", "writer") else [b"hello"]
    async with served() as channel:
        assert await call(channel, kind, b"hello") == expected


async def test_a_deliberate_abort_passes() -> None:
    async with served() as channel:
        error = await error_of(channel, "aborter", b"")
    assert (error.code(), error.details()) == (grpc.StatusCode.OUT_OF_RANGE, "said so")


async def test_an_unknown_method_stays_unimplemented() -> None:
    async with served() as channel:
        error = await error_of(channel, "nothing", b"")
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_the_id_of_a_defect_is_an_internal_error_to_clients() -> None:
    async with served() as channel:
        meant = status.from_rpc_error(await error_of(channel, "unary", b"defect"), "somebody")
    assert type(meant) is SteelyardError
