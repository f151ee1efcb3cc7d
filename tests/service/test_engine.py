"""A node's engine at its end: nothing begins any more, and nobody is told of a defect."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from node.engine import Engine
from node.sessions import Sessions
from steelyard.errors import Unreachable


async def test_a_node_that_is_being_stopped_begins_no_attempt() -> None:
    """Its threads are gone: an attempt would end with an internal error, or wait for ever."""
    engine = Engine(SimpleNamespace(party="bank-a"), Sessions(), SimpleNamespace(), 1.0, 1)  # type: ignore[arg-type]
    await engine.stop()
    order = SimpleNamespace(recorded=SimpleNamespace(id="0" * 32))
    with pytest.raises(Unreachable, match="bank-a is being stopped"):
        await engine.run(order)  # type: ignore[arg-type]
