"""A node's engine at its end: nothing begins any more, and nobody is told of a defect."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from node.engine import Engine
from node.service import NodeService
from node.sessions import Sessions
from steelyard.errors import Unreachable
from steelyard.v1 import node_pb2


async def test_a_node_that_is_being_stopped_begins_no_attempt() -> None:
    """Its threads are gone: an attempt would end with an internal error, or wait for ever."""
    engine = Engine(SimpleNamespace(party="bank-a"), Sessions(), SimpleNamespace(), 1.0, 1)  # type: ignore[arg-type]
    await engine.stop()
    order = SimpleNamespace(recorded=SimpleNamespace(id="0" * 32))
    with pytest.raises(Unreachable, match="bank-a is being stopped"):
        await engine.run(order)  # type: ignore[arg-type]
    with pytest.raises(Unreachable):
        engine.introduce(order)  # type: ignore[arg-type]


async def test_nor_does_it_approve_a_request() -> None:
    """The coordinator asks again until the node is back; an attempt that fails would be one of the few it makes."""
    books = SimpleNamespace(party="bank-a", health=SimpleNamespace(require=lambda: None))
    engine = Engine(books, Sessions(), SimpleNamespace(), 1.0, 1)  # type: ignore[arg-type]
    service = NodeService.__new__(NodeService)
    service._books, service._engine = books, engine  # type: ignore[assignment]
    await engine.stop()
    with pytest.raises(Unreachable, match="bank-a is being stopped"):
        await service.Propose(node_pb2.ProposeRequest(), None)  # type: ignore[arg-type]
