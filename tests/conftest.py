"""What all tests share: gRPC's settings, which it reads when it is first imported; and a log of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

import steelyard.rpc  # noqa: F401
from clients.local import ports

PORTS = 2_000  # for each worker

settings.register_profile("steelyard", deadline=None)  # a busy machine is no failure; pytest bounds what hangs
settings.load_profile("steelyard")
pytest.register_assert_rewrite("tests.cluster")  # scenarios are no test files, and are to say what they found


@pytest.fixture(scope="session", autouse=True)
def _ports_of_this_worker() -> Iterator[None]:
    """Workers beside each other do not find the same port free."""
    lowest = ports.LOWEST + PORTS * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ports, "LOWEST", lowest)
        patch.setattr(ports, "HIGHEST", lowest + PORTS)
        yield


@pytest.fixture(autouse=True)
def _log_of_this_test() -> Iterator[None]:
    """A test that sets the log up (the command line does) must not leave its captured, closed stderr to the next."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
