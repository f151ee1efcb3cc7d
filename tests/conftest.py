"""What all tests share: gRPC's settings, which it reads when it is first imported; and a log of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

import steelyard.rpc  # noqa: F401


@pytest.fixture(autouse=True)
def _log_of_this_test() -> Iterator[None]:
    """A test that sets the log up (the command line does) must not leave its captured, closed stderr to the next."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
